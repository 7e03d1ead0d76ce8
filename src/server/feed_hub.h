#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "net/executor.h"

namespace itemgate::server {

/// Tells those who follow the newly saved items that there are some.
///
/// From any thread. Must outlive the service that calls OnSaved and the API that subscribes; the executor must outlive
/// both.
class FeedHub {
 public:
  /// Told from any thread. The hub knows it only weakly: whoever holds it ends the subscription.
  class Subscriber {
   public:
    virtual ~Subscriber() = default;
    /// There may be new items.
    virtual void Wake() = 0;
  };

  /// `executor` carries the news.
  explicit FeedHub(Executor& executor) : executor_(executor) {}

  /// Items were saved. Cheap enough for every save: a load, while nobody follows or the last news is under way.
  void OnSaved();

  void Subscribe(const std::shared_ptr<Subscriber>& subscriber) EXCLUDES(mutex_);

  [[nodiscard]] std::size_t subscriber_count() const EXCLUDES(mutex_);

 private:
  void TellAll() EXCLUDES(mutex_);

  Executor& executor_;
  std::atomic<bool> followed_ = false;  // somebody subscribes; in one order with on_its_way_
  std::atomic<bool> on_its_way_ =
      false;  // news is posted; what was saved before that is seen by whoever is told

  mutable Mutex mutex_;
  std::vector<std::weak_ptr<Subscriber>> subscribers_ GUARDED_BY(mutex_);
};

}  // namespace itemgate::server
