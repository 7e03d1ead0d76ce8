#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "core/bell.h"
#include "itemgate/store.h"
#include "net/executor.h"

namespace itemgate {

/// What one caller wants inserted. Lives until Committed is called.
class CommitRequest {
 public:
  virtual ~CommitRequest() = default;

  /// The insertions are done, or failed all together. Called once; the request is not touched afterwards.
  virtual void Committed(const Result<void>& result) = 0;

  std::vector<Insertion*> insertions;  // at least one; unchanged once submitted

 private:
  friend class GroupCommit;
  CommitRequest* next_ = nullptr;
  Bell* bell_ = nullptr;  // rung after Committed
};

/// Gathers the insertions of concurrent callers, and hands them to the store one group at a time, or a few: while one
/// is on its way to the disk, the next gathers. (Group commit: DeWitt et al., SIGMOD 1984.)
///
/// A turn (one group, one store insertion) is run by the thread of a blocking caller that finds room for one, so that a
/// lone caller needs no other thread; while there is more to do, the committer goes on.
class GroupCommit {
 public:
  struct Limits {
    std::size_t items_max;            // of a group; a larger request makes a group of its own
    std::size_t bytes_max = 8 << 20;  // of a group's contents, likewise
    /// Groups on their way at once. Another one than the first starts only when kOverlapItems wait, for small groups
    /// are better gathered.
    std::size_t turns_max = 1;
    /// How long, at most, a turn waits until there are as many items as there were at the end of the turn before, those
    /// that were answered by it included: for whoever calls one after the other, and comes again.
    Duration gather_time{};
  };
  static constexpr std::size_t kOverlapItems = 1500;

  /// Store and committer must outlive it.
  GroupCommit(ItemStore& store, Executor& committer, Limits limits)
      : store_(store), committer_(committer), limits_(limits) {}
  /// Waits for the end of the last turn, and for whoever is about to leave Submit.
  ~GroupCommit();

  /// Inserts when its turn comes; returns at once.
  void Submit(CommitRequest& request);

  /// The same for one insertion, which must live until `done` is called.
  void Submit(Insertion& insertion, std::move_only_function<void(const Result<void>&)> done);

  /// Inserts at once on this thread if no turn is running, else when its turn comes. The returned bell rings after
  /// Committed was called; listen to it, then look, then wait.
  [[nodiscard]] Bell& SubmitOrRun(CommitRequest& request);

  [[nodiscard]] std::uint64_t turn_count() const;

 private:
  struct Enqueued {
    Bell& bell;
    // The caller must see to it that one more turn runs, and that the one that waited for so many waits no longer.
    std::optional<Duration> turn_after;
    std::optional<TimerId> gathered;
  };

  [[nodiscard]] Enqueued Enqueue(CommitRequest& request) EXCLUDES(mutex_);
  void RunTurn() EXCLUDES(mutex_);
  void StopGathering(std::optional<TimerId> turn) EXCLUDES(mutex_);
  void PostTurn(Duration delay) EXCLUDES(mutex_);
  struct Group {
    CommitRequest* first = nullptr;
    std::vector<Insertion*> insertions;
  };
  /// Takes the oldest requests, as many as make a group; none, if another turn was quicker.
  [[nodiscard]] Group TakeGroup() EXCLUDES(mutex_);
  void FinishTurn(CommitRequest* first, const Result<void>& result) EXCLUDES(mutex_);
  /// Whether one more turn would pay.
  [[nodiscard]] bool IsTurnDue(std::size_t others) const REQUIRES(mutex_);
  /// How long the next turn waits.
  [[nodiscard]] Duration GatherTime() const REQUIRES(mutex_);

  ItemStore& store_;
  Executor& committer_;
  const Limits limits_;
  // Those who come during one turn wait for one bell, those who come during the next for the other, so that hardly
  // anybody is woken who is not done.
  std::array<Bell, 2> bells_;

  mutable Mutex mutex_;
  ConditionVariable idle_;  // no turn is running, and nobody is posting one
  CommitRequest* first_ GUARDED_BY(mutex_) = nullptr;  // the queue
  CommitRequest* last_ GUARDED_BY(mutex_) = nullptr;
  std::size_t waiting_items_ GUARDED_BY(mutex_) = 0;  // of the queue
  std::size_t turns_running_ GUARDED_BY(mutex_) = 0;
  // The turn that gathers, which may have begun already, and how many items it waits for.
  std::optional<TimerId> gathering_ GUARDED_BY(mutex_);
  std::size_t gather_items_ GUARDED_BY(mutex_) = 0;
  int posting_count_ GUARDED_BY(mutex_) =
      0;  // a posted turn may end before its poster has returned
  std::uint64_t turn_count_ GUARDED_BY(mutex_) = 0;
};

}  // namespace itemgate
