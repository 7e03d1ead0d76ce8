#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/clock.h"
#include "base/coroutine.h"
#include "base/mutex.h"
#include "itemgate/content_key.h"
#include "net/executor.h"

namespace itemgate {

/// All who wait for a claim that somebody else holds. Each is woken when its pause is over, or sooner by a hint that
/// the claim may have changed: time is the truth, hints only save some of it.
///
/// Threads: any. Co-owned by its watches. The executor must outlive every pause, not this.
class ClaimWatchers {
 private:
  struct Waiter;

 public:
  explicit ClaimWatchers(Executor& executor) : executor_(executor) {}

  /// One who waits, between two looks. A hint that comes while it looks ends its next pause at once, so that none is
  /// missed. One pause at a time, and none when it is destroyed.
  class Watch {
   public:
    Watch(std::shared_ptr<ClaimWatchers> watchers, const ContentKey& key);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// To await: true if a hint ended it.
    [[nodiscard]] auto Pause(Duration time) {
      return Reply<bool>([this, time](auto done) { Begin(time, std::move(done)); });
    }

   private:
    void Begin(Duration time, std::move_only_function<void(bool)> done);

    const std::shared_ptr<ClaimWatchers>
        watchers_;  // co-owned: a watch ends after its save was answered, when the service may be gone
    const std::uint64_t number_;
    const std::shared_ptr<Waiter> waiter_;
  };

  /// The hint; without a number, any claim may have changed. Wakes on the executor.
  void Changed(std::optional<std::uint64_t> number) EXCLUDES(mutex_);

 private:
  /// Shared by its watch, by whoever wakes it, and by the timer of its pause.
  struct Waiter {
    Mutex mutex;
    bool has_changed GUARDED_BY(mutex) = false;
    std::move_only_function<void(bool)> waiting GUARDED_BY(mutex);
    TimerId timer GUARDED_BY(mutex){};
  };

  void Wake(Waiter& waiter);

  Executor& executor_;
  Mutex mutex_;
  std::unordered_multimap<std::uint64_t, std::shared_ptr<Waiter>> waiters_ GUARDED_BY(mutex_);
};

}  // namespace itemgate
