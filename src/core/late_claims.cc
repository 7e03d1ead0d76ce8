#include "core/late_claims.h"

#include <utility>

#include "base/check.h"

namespace itemgate {

void LateClaims::Release(const ContentKey& key, const ClaimHolder& mine) {
  ITEMGATE_CHECK(mine.fence.epoch == 1);
  {
    const MutexLock lock(mutex_);
    released_.insert(mine.attempt);
  }
  Again(
      options_.pause_min,
      [&claims = parts_.claims, key, mine] { claims.Release(key, mine, [](const auto&) {}); },
      [this, attempt = mine.attempt] {
        const MutexLock lock(mutex_);
        released_.erase(attempt);
      });
}

bool LateClaims::IsReleased(const ClaimHolder& holder) {
  const MutexLock lock(mutex_);
  return holder.fence.epoch == 1 && released_.contains(holder.attempt);
}

void LateClaims::Again(Duration pause, std::function<void()> take_back,
                       std::function<void()> ended) {
  if (pause > options_.pause_max) return ended();
  parts_.executor.PostAfter(pause,
                            [self = shared_from_this(), pause, take_back = std::move(take_back),
                             ended = std::move(ended)]() mutable {
                              take_back();
                              self->Again(2 * pause, std::move(take_back), std::move(ended));
                            });
}

}  // namespace itemgate
