#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/coroutine.h"
#include "core/backend_saves.h"
#include "core/content_guard.h"
#include "core/counted_backend.h"
#include "core/group_commit.h"
#include "core/save_call.h"
#include "core/seen_lookups.h"
#include "itemgate/service.h"
#include "net/executor.h"

namespace itemgate {

/// The way of contents that nobody in this process was saving yet, from there to the store:
///
///   seen cache ─► [lock] ─► backend, if there is one ─► store ─► host: Settle ─► seen cache is told ─► [unlock]
///    hit: Settle   busy: waits a while
///
/// The contents of one call go together as far as that goes: one look, one round of locks, one insertion; a content
/// whose lock somebody else has goes on alone, so that it never holds the others up. With neither cache nor lock nor
/// backend the call goes into the store at once, and all of this costs nothing.
///
/// Threads: any. Who waits is a coroutine. All parts must outlive it, and every call must have ended before it is
/// destroyed.
class SaveWay {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    /// The content is saved, under the id in its insertion, or it is not. Once for each.
    virtual void Settle(Saving& saving, const Result<void>& saved) = 0;
  };

  SaveWay(const ServiceParts& parts, const ServiceOptions& options, Host& host);

  /// Nothing stands between a call and the store.
  [[nodiscard]] bool is_direct() const { return !seen_ && !guard_ && backend_saves_ == nullptr; }

  /// Saves those contents of the call that are among its insertions, of which there must be one at least; returns at
  /// once. REQUIRES: the call is retained for this, and its savings have their keys.
  void Save(SaveCall& call);

  /// The same for a caller that waits: if the way is direct, perhaps runs the insertion on this thread, and gives the
  /// bell that rings for it. Otherwise null.
  [[nodiscard]] Bell* SaveOrRun(SaveCall& call);

  /// Saves the content of one that had joined a save that failed.
  void SaveAgain(Saving& saving);

  /// For the call's host, when its insertions are committed, or failed.
  void CallCommitted(SaveCall& call, const Result<void>& result);

  [[nodiscard]] std::uint64_t commit_count() const { return group_commit_.turn_count(); }
  [[nodiscard]] SeenCacheStatistics Seen() const {
    return seen_ ? seen_->Statistics() : SeenCacheStatistics();
  }
  [[nodiscard]] LockStatistics Locks() const {
    return guard_ ? guard_->Statistics() : LockStatistics();
  }
  [[nodiscard]] BackendStatistics Backend() const {
    return backend_ ? backend_->Statistics() : BackendStatistics();
  }

 private:
  enum class Alone : std::uint8_t {
    kFromTheLock,
    kLockIsBusy,  // somebody else had it a moment ago
  };

  /// There is a seen cache, and what it knows holds.
  [[nodiscard]] bool remembers() const { return seen_ && !store_.may_have_lost_items(); }
  Detached SaveTogether(SaveCall& call);
  Detached SaveAlone(Saving& saving, Alone from);
  /// Settles those that were found, and leaves the others.
  void SettleFound(std::vector<Saving*>& owners, const std::vector<std::optional<ItemId>>& found);
  /// Sends those whose lock somebody has on by themselves, and leaves the others, with their leases.
  void PartWithBusy(std::vector<Saving*>& owners, std::vector<Guarded> guarded);
  void Store(Insertion& insertion, BackendSaves::Done done);
  void Finish(std::vector<std::unique_ptr<Lease>>& leases);

  // Constant after construction, or synchronise themselves.
  Host& host_;
  const ItemStore& store_;
  const Clock& clock_;
  Executor& executor_;
  const Duration lock_wait_max_;
  const bool may_block_;  // in the store, before the backend is asked
  GroupCommit group_commit_;
  std::unique_ptr<CountedBackend> backend_;  // this and the next one are null without a backend
  std::unique_ptr<BackendSaves> backend_saves_;
  std::optional<SeenLookups> seen_;
  std::optional<ContentGuard> guard_;
};

}  // namespace itemgate
