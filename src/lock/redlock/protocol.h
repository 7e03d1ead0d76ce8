#pragma once

#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "itemgate/redlock.h"
#include "lock/redlock/ballot.h"

namespace itemgate::redlock {

/// What one lock is to do; every duration is decided already.
struct Plan {
  int node_count = 1;
  Duration expiry;
  Duration node_timeout;

  int attempts = 1;  // in a row, before it waits or gives up
  Duration
      attempt_delay;  // the longest random pause between those, or `retry` if it waits and that is less
  Duration wait{};   // zero: it does not wait
  Duration retry{};  // the longest pause while it waits
  RedLockDeadline deadline = RedLockDeadline::kCompatible;

  bool renew = true;
  Duration lost_margin{};
  Duration hold_max{};  // zero: no limit
  RedLockMissingKey missing_key = RedLockMissingKey::kCountAsLost;
};

/// A plan with the durations that follow from the expiry. REQUIRES: expiry >= 10 ms.
[[nodiscard]] Plan PlanFor(int node_count, Duration expiry);

/// How much of the expiry is lost to clocks that run differently: a hundredth, and 2 ms.
[[nodiscard]] constexpr Duration Drift(Duration expiry) {
  return expiry / 100 + std::chrono::milliseconds(2);
}

/// What is to be done after an event, in this order. Whatever is sent carries the protocol's round(), which its answer
/// must bring back. A node must execute what it is sent in that order.
struct Step {
  NodeSet set;            // SET key id PX expiry NX
  NodeSet extend;         // by the script
  NodeSet unlock;         // by the script
  bool answered = false;  // the caller waits no longer: is_held(), status() and summary() tell
  bool cancelled = false;
  bool lost = false;      // loss_reason() tells
  bool released = false;  // release() tells
  bool freed = false;     // with that: others may have now what was held
};

/// One lock from the first question to the last answer: events in, steps out. No I/O, no clock, no memory of its own.
///
/// The algorithm is Redis's (redis.io, "Distributed Locks with Redis"), with RedLock.net's attempts and statuses, and
/// decides as soon as the nodes that have answered decide. One thread. Whoever drives it calls OnTime at due().
class LockProtocol {
 public:
  /// `random` must outlive it.
  LockProtocol(const Plan& plan, Random& random);

  [[nodiscard]] Step Start(Instant now);
  [[nodiscard]] Step OnSet(std::uint32_t round, int node, Vote vote, Instant now);
  [[nodiscard]] Step OnExtend(std::uint32_t round, int node, Vote vote, Instant now);
  [[nodiscard]] Step OnUnlock(std::uint32_t round, int node, Vote vote, Instant now);
  [[nodiscard]] Step OnTime(Instant now);
  /// The lock may be free: a hint, which may be wrong, late or missing.
  [[nodiscard]] Step OnWake(Instant now);
  /// Before it was answered: gives up, leaving nothing behind. Later: nothing.
  [[nodiscard]] Step Cancel(Instant now);
  /// Nobody will renew it any more: lost if it is held. It has yet to be released.
  [[nodiscard]] Step Close();
  /// REQUIRES: it was answered.
  [[nodiscard]] Step Release(Instant now);

  /// When OnTime is to be called; nothing: not at all.
  [[nodiscard]] std::optional<Instant> due() const { return due_; }
  [[nodiscard]] std::uint32_t round() const { return round_; }
  [[nodiscard]] bool is_held() const { return state_ == State::kHeld; }
  /// Or is.
  [[nodiscard]] bool was_held() const { return valid_until_ != Instant{}; }
  /// Wants to be told when the lock may be free.
  [[nodiscard]] bool is_waiting() const;
  /// Nothing is left to do, and no answer matters any more.
  [[nodiscard]] bool is_finished() const { return state_ == State::kEnded && owed_.empty(); }

  /// The caller knows everything; some nodes may still have the key.
  [[nodiscard]] bool is_cleaning() const { return state_ == State::kEnded && !owed_.empty(); }
  /// Leaves what may be left to its expiry. REQUIRES: the caller knows everything.
  void Forget();

  [[nodiscard]] RedLockStatus status() const { return status_; }
  /// Of the last question that was decided; answers that come later are counted in.
  [[nodiscard]] RedLockInstanceSummary summary() const { return summary_; }
  [[nodiscard]] int extend_count() const { return extend_count_; }
  [[nodiscard]] Instant valid_until() const { return valid_until_; }
  [[nodiscard]] std::optional<RedLockLossReason> loss_reason() const { return loss_reason_; }
  [[nodiscard]] RedLockRelease release() const;
  [[nodiscard]] const Plan& plan() const { return plan_; }

 private:
  enum class State : std::uint8_t {
    kIdle,       // not started
    kAsking,     // the nodes are asked for the lock
    kPausing,    // until the next attempt
    kHeld,       // and perhaps being renewed
    kLost,       // was held; the caller knows, and has yet to release it
    kReleasing,  // the caller waits for the nodes
    kEnded,      // the caller knows everything; keys that may be left are still deleted
  };

  [[nodiscard]] int quorum() const { return plan_.node_count / 2 + 1; }
  /// Why the question has failed, as soon as the missing answers cannot change it.
  [[nodiscard]] std::optional<RedLockStatus> Failure() const;
  [[nodiscard]] Instant WaitEnd() const { return started_ + plan_.wait; }
  [[nodiscard]] bool IsOverdue(Instant now) const {
    return plan_.deadline == RedLockDeadline::kStrict && now >= WaitEnd();
  }
  /// The nodes had less than their time to answer the attempt, and what the one before has found still says why.
  [[nodiscard]] bool IsCutShort(Instant now) const {
    return IsOverdue(now) && now < asked_at_ + plan_.node_timeout &&
           status_ != RedLockStatus::kUnlocked;
  }
  /// Takes what the question has brought so far as what the nodes said last.
  void Settle();
  /// They are about to be asked for something that may set the key.
  void Owe(NodeSet nodes);
  /// What a node said to that: it owes nothing if that proves that it was not set, then or before.
  void Heed(int node, Vote vote);
  [[nodiscard]] NodeSet SendUnlock(NodeSet nodes);

  [[nodiscard]] Step Ask(Instant now);
  [[nodiscard]] Step Decide(Instant now);
  [[nodiscard]] Step Acquired(Instant now);
  [[nodiscard]] Step Failed(RedLockStatus status, Instant now);
  [[nodiscard]] Step GiveUp(Step step, Instant now);
  void Pause(Instant until);

  [[nodiscard]] Step TimeInHold(Instant now);
  [[nodiscard]] Step Renew(Instant now);
  [[nodiscard]] Step DecideRenewal(Instant now);
  [[nodiscard]] Step Extended(Instant now);
  [[nodiscard]] Step SetAgain(NodeSet nodes);
  [[nodiscard]] Step Lose(RedLockLossReason reason);
  /// When the lock counts as lost unless it is renewed.
  [[nodiscard]] Instant LossTime() const { return valid_until_ - plan_.lost_margin; }
  [[nodiscard]] Instant HoldEnd() const;
  void ArmHold();

  [[nodiscard]] Step DecideRelease(Instant now);
  [[nodiscard]] Step Clean(Instant now);
  void ArmCleaning(Instant now);

  // Constant after construction.
  Plan plan_;
  Random& random_;

  State state_ = State::kIdle;
  RedLockStatus status_ = RedLockStatus::kUnlocked;
  RedLockInstanceSummary summary_;
  std::optional<RedLockLossReason> loss_reason_;
  std::optional<Instant> due_;

  std::uint32_t round_ = 0;  // of the last question; grows with each
  Ballot ballot_;            // of that round
  Ballot unlocks_;

  Instant started_;
  Instant asked_at_;  // when the round began
  int attempts_left_ = 0;
  bool woken_ = false;       // while it was asking: the answer may be older than the hint
  bool was_hinted_ = false;  // and has not paused since: the next pause is a short one

  bool renewing_ = false;
  Instant acquired_at_;
  Instant valid_until_;
  Instant renew_at_;
  int extend_count_ = 0;

  // Nodes that may have our key: asked to set it, and neither known to have refused nor to have deleted it. Beyond
  // owed_until_ it has expired by itself.
  NodeSet owed_;
  NodeSet doubtful_;  // owed already when they were asked again: "taken" may mean by us
  Instant owed_until_;
};

}  // namespace itemgate::redlock
