#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "core/look_policy.h"
#include "itemgate/seen_cache.h"
#include "net/executor.h"

namespace itemgate {

/// Looks into the seen cache where that pays and not for longer than a bound, and tells it what is saved.
///
/// Threads: any. All parts must outlive it, and every look must have ended before it is destroyed.
class SeenLookups {
 public:
  struct Parts {
    SeenCache& cache;
    Executor& executor;
    const Clock& clock;
  };
  using Found = std::move_only_function<void(std::vector<std::optional<ItemId>>)>;

  SeenLookups(const Parts& parts, Duration time_max) : parts_(parts), time_max_(time_max) {}

  /// Whether a call with so many contents that are new here should look for them first.
  [[nodiscard]] bool ShouldLook(std::size_t key_count);

  /// Calls `found` once, with one answer for each key: nothing for those that the cache does not know, and for all if
  /// it takes too long.
  void Look(std::vector<ContentKey> keys, Found found);

  /// The store took that long for so many, and `saved` is durable.
  void Saved(std::size_t item_count, Duration time, std::span<const SeenItem> saved);

  /// Of the cache; `skipped` also counts those of calls that should not look.
  [[nodiscard]] SeenCacheStatistics Statistics() const;

 private:
  const Parts parts_;
  const Duration time_max_;
  LookPolicy policy_;

  std::atomic<std::uint64_t> skipped_ = 0;  // relaxed: stands alone
};

}  // namespace itemgate
