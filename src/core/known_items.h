#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "index/near_cache.h"
#include "itemgate/service.h"

namespace itemgate {

/// What is known of contents that are saved: by this process's memory, by the store, and of those that another server
/// has begun to save, by its claims.
///
/// Threads: any. Cost: that of the parts; of memory alone where it says so.
class KnownItems {
 public:
  using Done = std::move_only_function<void(SaveResult)>;

  /// The parts must outlive it.
  KnownItems(const ServiceParts& parts, const ServiceOptions& options)
      : store_(parts.store),
        claims_(parts.backend == nullptr ? nullptr : parts.claims),
        near_cache_(options.near_cache_keys, parts.seed) {}

  /// What memory says: a duplicate, or nothing.
  [[nodiscard]] std::optional<SaveResult> Recall(const ContentKey& key);
  /// Has the memory that Recall will look at brought closer.
  void Prefetch(const ContentKey& key) const { near_cache_.Prefetch(key); }
  /// REQUIRES: the item is durable.
  void Remember(const ContentKey& key, ItemId id) { near_cache_.Insert(key, id); }

  /// How the content of a key stands that nobody in this process is saving. May ask the store, and blocks then; `done`
  /// is called once, perhaps before this returns. `key` must live until then.
  void Ask(const ContentKey& key, Done done);

  /// The item with this content, whole; none, if there is none. Blocks.
  [[nodiscard]] Result<std::vector<Item>> Find(const ContentKey& key);

  /// How often memory knew.
  [[nodiscard]] std::uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }

 private:
  ItemStore& store_;
  ClaimStore* const claims_;  // null unless servers share a backend
  NearCache near_cache_;
  std::atomic<std::uint64_t> hits_ = 0;  // stands alone, so relaxed
};

}  // namespace itemgate
