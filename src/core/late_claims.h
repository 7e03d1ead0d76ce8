#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "itemgate/claim_store.h"
#include "net/executor.h"

namespace itemgate {

/// Takes back what of an attempt may come to the database when the attempt has ended: such a claim would hold its
/// content for as long as this server lives. Tries after ever longer pauses; what fails is left to the next try.
///
/// Threads: any. Shared with its timers, which need nothing else of the service; the claims must outlive the last task
/// of the executor, and the executor this.
class LateClaims : public std::enable_shared_from_this<LateClaims> {
 public:
  struct Parts {
    ClaimStore& claims;
    Executor& executor;
  };
  struct Options {
    Duration pause_min;  // then twice as long each time
    Duration pause_max;  // how long a try may be late
  };
  LateClaims(const Parts& parts, const Options& options) : parts_(parts), options_(options) {}

  /// Nothing was given to the backend under it, or certainly nothing saved.
  void Release(const ContentKey& key, const ClaimHolder& mine) {
    Again(options_.pause_min,
          [&claims = parts_.claims, key, mine] { claims.Release(key, mine, [](const auto&) {}); });
  }
  /// Somebody may have given it to the backend before.
  void Park(const ContentKey& key, const ClaimHolder& mine) {
    Again(options_.pause_min,
          [&claims = parts_.claims, key, mine] { claims.Park(key, mine, [](const auto&) {}); });
  }

 private:
  void Again(Duration pause, std::function<void()> take_back);

  const Parts parts_;
  const Options options_;
};

}  // namespace itemgate
