#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>

#include "base/clock.h"
#include "base/coroutine.h"
#include "base/mutex.h"
#include "base/random.h"
#include "core/backend_saves.h"
#include "core/claim_watchers.h"
#include "core/late_claims.h"
#include "itemgate/backend.h"
#include "itemgate/claim_store.h"
#include "itemgate/store.h"
#include "net/executor.h"

namespace itemgate {

/// Saves through a backend that several servers share, each content once: claim, ask the backend, let it save, confirm.
///
/// The backend knows no duplicates and cannot fence, so only the first attempt on a content may ever send it; whoever
/// takes over from a dead one only looks whether the backend has it, and else parks it: at most once, and honest about
/// it. Nothing here trusts a clock: time only decides when to look again, and when to try to take over. Hints that a
/// claim has changed only make the next look come sooner. While the database is away a save that was begun waits for
/// it.
///
/// Threads: any. All parts must outlive it, and every save must have ended before it is destroyed. The executor must
/// have run its last task before the claims are destroyed.
class ClaimedSaves final : public BackendSaves {
 public:
  struct Parts {
    ClaimStore& claims;
    ItemBackend& backend;
    Executor& executor;
    const Clock& clock;
  };
  struct Options {
    std::uint64_t seed = 0;  // unpredictable
    /// A holder whose server did not move for so long is taken for dead.
    Duration lease = std::chrono::seconds(10);
    Duration poll_min = std::chrono::milliseconds(50);  // then twice as long each time
    Duration poll_max = std::chrono::seconds(1);
    /// How long something that was sent to the backend before a failover may still take effect there, and a lost try
    /// of a claim in the database.
    Duration horizon = std::chrono::seconds(60);
  };
  ClaimedSaves(const Parts& parts, const Options& options);

  /// kUnknown also says that it is parked now; kParked that it was, and that the backend does not have it.
  void Save(Insertion& insertion, Done done) override {
    Acquire(insertion, std::move(done), /*is_there=*/false);
  }

 private:
  /// What may come to the database of an attempt that has not got its claim.
  struct Attempt {
    std::int64_t number;
    bool is_there;                 // the backend has it
    bool in_doubt = false;         // the answer of one try of the claim never came
    std::int64_t taken_epoch = 0;  // of a take-over whose answer never came; 0: of none
  };
  /// `is_there`: the backend has it, as an attempt before this one has found out.
  Detached Acquire(Insertion& insertion, Done done, bool is_there);
  /// Ends an attempt that got no claim, and takes back what may be there of it.
  void GiveUp(const ContentKey& key, const Attempt& mine, Done done, const Error& why)
      EXCLUDES(mutex_);
  /// `in_doubt`: the answer of one try of the claim never came.
  Detached Call(Insertion& insertion, ClaimHolder mine, bool in_doubt, Done done);
  Detached Confirm(Insertion& insertion, ClaimHolder mine, Done done);
  using Ask = std::move_only_function<void(ClaimStore::Done)>;
  /// Asks until there is an answer: what was begun must be ended, for a claim of a server that lives is taken by
  /// nobody.
  Detached Insist(Ask ask, std::move_only_function<void(ClaimState)> told);
  [[nodiscard]] auto Insisted(Ask ask);
  /// So soon after what may have been a failover that a claim of an attempt which is not over may be missing.
  [[nodiscard]] bool IsEarly(const ClaimHolder& mine) const;
  /// A claim of this server that nobody will end: a try of it came to the database after its attempt had ended.
  [[nodiscard]] bool IsLeftOver(const ClaimState& state) EXCLUDES(mutex_);
  [[nodiscard]] std::int64_t NewAttempt() EXCLUDES(mutex_);
  void Forget(std::int64_t attempt) EXCLUDES(mutex_);
  void End(std::int64_t attempt, Done done, Result<void> result) EXCLUDES(mutex_);

  const Parts parts_;
  const Options options_;
  const Instant start_;
  const std::shared_ptr<ClaimWatchers>
      watchers_;  // shared with the store, for hints that come late
  const std::shared_ptr<LateClaims> late_claims_;  // shared with its timers

  Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  std::unordered_set<std::int64_t> running_ GUARDED_BY(mutex_);  // attempts
};

}  // namespace itemgate
