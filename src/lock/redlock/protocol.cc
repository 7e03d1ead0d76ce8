#include "lock/redlock/protocol.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace itemgate::redlock {
namespace {

using std::chrono::milliseconds;

}  // namespace

Plan PlanFor(int node_count, Duration expiry) {
  ITEMGATE_CHECK(node_count >= 1 && node_count <= kNodesMax);
  ITEMGATE_CHECK(expiry >= milliseconds(10));
  return {.node_count = node_count,
          .expiry = expiry,
          .node_timeout = std::clamp<Duration>(expiry / 20, milliseconds(10), milliseconds(1000)),
          .attempt_delay = milliseconds(400),
          .lost_margin = expiry / 20};
}

LockProtocol::LockProtocol(const Plan& plan, Random& random) : plan_(plan), random_(random) {}

Step LockProtocol::Start(Instant now) {
  ITEMGATE_CHECK(state_ == State::kIdle);
  started_ = now;
  attempts_left_ = plan_.attempts;
  return Ask(now);
}

Step LockProtocol::Ask(Instant now) {
  const NodeSet all = NodeSet::First(plan_.node_count);
  state_ = State::kAsking;
  --attempts_left_;
  woken_ = false;
  ++round_;
  ballot_ = Ballot(all);
  asked_at_ = now;
  Owe(all);
  due_ = now + plan_.node_timeout;
  if (plan_.deadline == RedLockDeadline::kStrict && plan_.wait > Duration::zero())
    due_ = std::min(*due_, WaitEnd());
  return {.set = all};
}

Step LockProtocol::OnSet(std::uint32_t round, int node, Vote vote, Instant now) {
  if (round != round_ || state_ == State::kReleasing || state_ == State::kEnded) return {};
  Heed(node, vote);
  if (!ballot_.Record(node, vote)) {  // set again after a renewal found it missing
    if (vote == Vote::kGranted && ballot_.missing().Contains(node)) {
      ballot_.Restore(node);
      Settle();
    }
    return {};
  }
  if (state_ == State::kAsking) return Decide(now);
  Settle();
  return {};
}

std::optional<RedLockStatus> LockProtocol::Failure() const {
  if ((ballot_.granted() | ballot_.pending()).count() >= quorum()) return std::nullopt;
  if ((ballot_.granted() | ballot_.taken()).count() >= quorum()) return RedLockStatus::kConflicted;
  const int without = (ballot_.failed() | ballot_.missing()).count();
  if (without > plan_.node_count - quorum()) return RedLockStatus::kNoQuorum;
  return std::nullopt;  // it has failed, but the answers to come say why
}

Step LockProtocol::Decide(Instant now) {
  if (ballot_.granted().count() >= quorum()) {
    valid_until_ = asked_at_ + plan_.expiry - Drift(plan_.expiry);
    return now < valid_until_ ? Acquired(now) : Failed(RedLockStatus::kExpired, now);
  }
  const auto failure = Failure();
  return failure ? Failed(*failure, now) : Step{};
}

Step LockProtocol::Failed(RedLockStatus status, Instant now) {
  status_ = status;
  valid_until_ = {};
  Settle();
  Step step{.unlock = SendUnlock(owed_)};
  const bool may_wait =
      plan_.wait > Duration::zero() && plan_.retry > Duration::zero() && now < WaitEnd();
  if (IsOverdue(now) || (attempts_left_ == 0 && !may_wait)) return GiveUp(step, now);
  if (woken_) {
    Pause(now);
  } else if (attempts_left_ > 0) {
    Duration longest = may_wait ? std::min(plan_.attempt_delay, plan_.retry) : plan_.attempt_delay;
    if (std::exchange(was_hinted_, false)) longest /= 10;
    Pause(now + Duration(random_.Below(static_cast<std::uint64_t>(longest.count()))));
  } else {
    const Duration half = plan_.retry / 2;
    const Duration jitter(random_.Below(static_cast<std::uint64_t>(half.count()) + 1));
    Pause(std::min(now + half + jitter, WaitEnd()));
  }
  if (attempts_left_ == 0) attempts_left_ = plan_.attempts;
  return step;
}

void LockProtocol::Pause(Instant until) {
  state_ = State::kPausing;
  due_ = plan_.deadline == RedLockDeadline::kStrict ? std::min(until, WaitEnd()) : until;
}

Step LockProtocol::GiveUp(Step step, Instant now) {
  state_ = State::kEnded;
  owed_until_ = now + plan_.expiry + plan_.node_timeout;
  step.answered = true;
  ArmCleaning(now);
  return step;
}

bool LockProtocol::is_waiting() const {
  return plan_.wait > Duration::zero() &&
         (state_ == State::kPausing || (state_ == State::kAsking && round_ > 1));
}

Step LockProtocol::OnWake(Instant now) {
  if (now >= WaitEnd()) return {};  // or hints without end would keep the caller without end
  // It may come before the other nodes have heard of the release: then one more look follows soon.
  attempts_left_ = std::max(attempts_left_, 2);
  was_hinted_ = true;
  if (state_ == State::kPausing) return Ask(now);
  woken_ = true;
  return {};
}

Step LockProtocol::OnTime(Instant now) {
  if (!due_ || now < *due_) return {};
  switch (state_) {
    case State::kAsking:
      if (IsCutShort(now)) return GiveUp({.unlock = SendUnlock(owed_)}, now);
      ballot_.Close();
      return Decide(now);
    case State::kPausing:
      return IsOverdue(now) ? GiveUp({}, now) : Ask(now);
    case State::kHeld:
      return TimeInHold(now);
    case State::kReleasing:
      unlocks_.Close();
      return DecideRelease(now);
    case State::kEnded:
      return Clean(now);
    case State::kIdle:
    case State::kLost:
      break;
  }
  due_.reset();
  return {};
}

Step LockProtocol::Cancel(Instant now) {
  if (state_ != State::kIdle && state_ != State::kAsking && state_ != State::kPausing) return {};
  status_ = RedLockStatus::kUnlocked;
  Step step{.unlock = SendUnlock(owed_), .cancelled = true};
  return GiveUp(step, now);
}

Step LockProtocol::Release(Instant now) {
  ITEMGATE_CHECK(state_ != State::kIdle && state_ != State::kAsking && state_ != State::kPausing);
  status_ = RedLockStatus::kUnlocked;
  summary_ = {};
  if (state_ == State::kReleasing) return {};
  if (state_ == State::kEnded) return {.released = true};
  state_ = State::kReleasing;
  owed_until_ = now + plan_.expiry + plan_.node_timeout;
  due_ = now + plan_.node_timeout;
  return {.unlock = SendUnlock(NodeSet::First(plan_.node_count))};
}

void LockProtocol::Owe(NodeSet nodes) {
  doubtful_ = owed_;
  owed_ = owed_ | nodes;
}

void LockProtocol::Heed(int node, Vote vote) {
  const bool is_proof = vote == Vote::kTaken || vote == Vote::kRefused;
  if (is_proof && !doubtful_.Contains(node)) owed_.Remove(node);
}

void LockProtocol::Forget() {
  ITEMGATE_CHECK(state_ == State::kEnded);
  owed_ = {};
  due_.reset();
}

NodeSet LockProtocol::SendUnlock(NodeSet nodes) {
  ++round_;
  unlocks_ = Ballot(nodes);
  return nodes;
}

Step LockProtocol::OnUnlock(std::uint32_t round, int node, Vote vote, Instant now) {
  if (round != round_ || !unlocks_.Record(node, vote)) return {};
  if (vote == Vote::kGranted || vote == Vote::kMissing) owed_.Remove(node);
  if (state_ == State::kReleasing) return DecideRelease(now);
  if (state_ == State::kEnded) ArmCleaning(now);
  return {};
}

Step LockProtocol::DecideRelease(Instant now) {
  const int certain = (unlocks_.granted() | unlocks_.missing()).count();
  if (certain < quorum() && !unlocks_.pending().empty()) return {};
  state_ = State::kEnded;
  ArmCleaning(now);
  return {.released = true, .freed = true};
}

RedLockRelease LockProtocol::release() const {
  return {.released = unlocks_.granted().count(),
          .absent = unlocks_.missing().count(),
          .error = (unlocks_.failed() | unlocks_.pending()).count()};
}

void LockProtocol::ArmCleaning(Instant now) {
  due_.reset();
  if (now >= owed_until_) owed_ = {};
  if (!owed_.empty()) due_ = now + std::max<Duration>(plan_.expiry / 10, milliseconds(50));
}

Step LockProtocol::Clean(Instant now) {
  ArmCleaning(now);
  const NodeSet again = owed_ & unlocks_.failed();
  unlocks_.AskAgain(again);
  return {.unlock = again};
}

void LockProtocol::Settle() {
  summary_ = {.acquired = ballot_.granted().count(),
              .conflicted = ballot_.taken().count(),
              .error = (ballot_.failed() | ballot_.missing()).count()};
}

}  // namespace itemgate::redlock
