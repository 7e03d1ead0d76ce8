#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>

#include "base/clock.h"
#include "base/mutex.h"
#include "itemgate/claim_store.h"
#include "net/executor.h"

namespace itemgate {

/// Takes back what of an attempt may come to the database when the attempt has ended, or come back there by a failover:
/// such a claim would hold its content for as long as this server lives. Tries after ever longer pauses; what fails is
/// left to the next try.
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

  /// Nothing was given to the backend under it, or certainly nothing saved; that is remembered meanwhile. REQUIRES: it
  /// was never taken over from anybody.
  void Release(const ContentKey& key, const ClaimHolder& mine) EXCLUDES(mutex_);
  /// Somebody may have given it to the backend before.
  void Park(const ContentKey& key, const ClaimHolder& mine) {
    Again(
        options_.pause_min,
        [&claims = parts_.claims, key, mine] { claims.Park(key, mine, [](const auto&) {}); },
        [] {});
  }

  /// Known to be released again and again: whoever meets such a claim may release it, too.
  [[nodiscard]] bool IsReleased(const ClaimHolder& holder) EXCLUDES(mutex_);

 private:
  void Again(Duration pause, std::function<void()> take_back, std::function<void()> ended);

  const Parts parts_;
  const Options options_;

  Mutex mutex_;
  std::unordered_set<std::int64_t> released_ GUARDED_BY(mutex_);  // attempts
};

}  // namespace itemgate
