// What a lock does while it is held.
#include <algorithm>
#include <bit>

#include "lock/redlock/protocol.h"

namespace itemgate::redlock {
namespace {

/// Locks that are to be renewed at about the same time are renewed at the same time, in one batch for each node.
Instant AlignDown(Instant time, Duration grain) {
  const auto mask = std::bit_floor(static_cast<std::uint64_t>(grain.count())) - 1;
  const auto count = static_cast<std::uint64_t>(time.time_since_epoch().count());
  return Instant(Duration(count & ~mask));
}

/// A third of the expiry leaves time for a second and a third try.
Instant RenewalAfter(Instant asked_at, Duration expiry) {
  const Duration period = expiry / 3;
  return AlignDown(asked_at + period, period / 16);
}

}  // namespace

Step LockProtocol::Acquired(Instant now) {
  state_ = State::kHeld;
  status_ = RedLockStatus::kAcquired;
  Settle();
  acquired_at_ = now;
  renew_at_ = std::max(RenewalAfter(asked_at_, plan_.expiry), now);
  ArmHold();
  return {.answered = true};
}

Instant LockProtocol::HoldEnd() const {
  return plan_.hold_max > Duration::zero() ? acquired_at_ + plan_.hold_max : Instant::max();
}

void LockProtocol::ArmHold() {
  Instant next = std::min(LossTime(), HoldEnd());
  if (renewing_)
    next = std::min(next, asked_at_ + plan_.node_timeout);
  else if (plan_.renew)
    next = std::min(next, renew_at_);
  due_ = next;
}

Step LockProtocol::TimeInHold(Instant now) {
  if (now >= HoldEnd()) return Lose(RedLockLossReason::kHoldMax);
  if (now >= LossTime()) return Lose(RedLockLossReason::kExpired);
  if (!renewing_) return Renew(now);
  ballot_.Close();
  return DecideRenewal(now);
}

Step LockProtocol::Renew(Instant now) {
  const NodeSet all = NodeSet::First(plan_.node_count);
  renewing_ = true;
  ++round_;
  ballot_ = Ballot(all);
  asked_at_ = now;
  if (plan_.missing_key == RedLockMissingKey::kRecreate) Owe(all);
  ArmHold();
  return {.extend = all};
}

Step LockProtocol::OnExtend(std::uint32_t round, int node, Vote vote, Instant now) {
  if (round != round_ || state_ != State::kHeld || !ballot_.Record(node, vote)) return {};
  if (plan_.missing_key == RedLockMissingKey::kRecreate) Heed(node, vote);
  if (renewing_) return DecideRenewal(now);
  Settle();  // a straggler
  return SetAgain(vote == Vote::kMissing ? NodeSet::Of(node) : NodeSet());
}

Step LockProtocol::DecideRenewal(Instant now) {
  if (ballot_.granted().count() >= quorum()) return Extended(now);
  const NodeSet gone = ballot_.taken() | ballot_.missing();
  if (gone.count() > plan_.node_count - quorum())
    return Lose(ballot_.taken().empty() ? RedLockLossReason::kMissing : RedLockLossReason::kTaken);
  if (!ballot_.pending().empty()) return {};
  renewing_ = false;
  Settle();
  renew_at_ = now + plan_.expiry / 30;
  ArmHold();
  return {};
}

Step LockProtocol::Extended(Instant now) {
  renewing_ = false;
  Settle();
  valid_until_ = asked_at_ + plan_.expiry - Drift(plan_.expiry);
  if (now >= LossTime()) return Lose(RedLockLossReason::kExpired);
  ++extend_count_;
  renew_at_ = std::max(RenewalAfter(asked_at_, plan_.expiry), now);
  ArmHold();
  return SetAgain(ballot_.missing());
}

Step LockProtocol::SetAgain(NodeSet nodes) {
  if (!nodes.empty()) Owe(nodes);
  return {.set = nodes};
}

Step LockProtocol::Close() { return is_held() ? Lose(RedLockLossReason::kFactoryClosed) : Step{}; }

Step LockProtocol::Lose(RedLockLossReason reason) {
  state_ = State::kLost;
  renewing_ = false;
  Settle();
  status_ = Failure().value_or(RedLockStatus::kExpired);
  loss_reason_ = reason;
  due_.reset();
  return {.lost = true};
}

}  // namespace itemgate::redlock
