#pragma once

#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "itemgate/seen_cache.h"

namespace itemgate {

/// A seen cache in memory; answers before it returns. Any thread.
///
/// Fault model: it can be made to forget all, and to know nothing for a while; while held it answers only when told to.
class MemorySeenCache final : public SeenCache {
 public:
  void Forget() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    ids_.clear();
  }
  /// While down it finds nothing and takes nothing in.
  void SetDown(bool is_down) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    is_down_ = is_down;
  }
  void Hold() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    is_held_ = true;
  }
  /// Answers all that wait, with what is known now, and whatever comes.
  void Release() EXCLUDES(mutex_) {
    std::vector<std::pair<std::vector<ContentKey>, Found>> waiting;
    {
      const MutexLock lock(mutex_);
      is_held_ = false;
      waiting.swap(waiting_);
    }
    for (auto& [keys, found] : waiting) found(Find(keys));
  }
  [[nodiscard]] std::size_t waiting_count() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return waiting_.size();
  }

  void Look(std::vector<ContentKey> keys, Found found) override EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      statistics_.looks += keys.size();
      if (is_held_) {
        waiting_.emplace_back(std::move(keys), std::move(found));
        return;
      }
    }
    found(Find(keys));
  }

  void Fill(std::span<const SeenItem> items) override EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    statistics_.fills += items.size();
    if (is_down_) {
      statistics_.fills_lost += items.size();
      return;
    }
    for (const SeenItem& item : items) ids_.insert_or_assign(item.key, item.id);
  }

  [[nodiscard]] SeenCacheStatistics Statistics() const override EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return statistics_;
  }

 private:
  [[nodiscard]] std::vector<std::optional<ItemId>> Find(const std::vector<ContentKey>& keys)
      EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    std::vector<std::optional<ItemId>> ids(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (const auto known = ids_.find(keys[i]); known != ids_.end() && !is_down_)
        ids[i] = known->second;
      ++(is_down_ ? statistics_.errors : ids[i] ? statistics_.hits : statistics_.misses);
    }
    return ids;
  }

  mutable Mutex mutex_;
  std::unordered_map<ContentKey, ItemId, ContentKeyHash> ids_ GUARDED_BY(mutex_);
  std::vector<std::pair<std::vector<ContentKey>, Found>> waiting_ GUARDED_BY(mutex_);
  SeenCacheStatistics statistics_ GUARDED_BY(mutex_){.nodes = 1, .nodes_ready = 1};
  bool is_down_ GUARDED_BY(mutex_) = false;
  bool is_held_ GUARDED_BY(mutex_) = false;
};

}  // namespace itemgate
