#include "core/late_claims.h"

#include <utility>

namespace itemgate {

void LateClaims::Again(Duration pause, std::function<void()> take_back) {
  if (pause > options_.pause_max) return;
  parts_.executor.PostAfter(
      pause, [self = shared_from_this(), pause, take_back = std::move(take_back)]() mutable {
        take_back();
        self->Again(2 * pause, std::move(take_back));
      });
}

}  // namespace itemgate
