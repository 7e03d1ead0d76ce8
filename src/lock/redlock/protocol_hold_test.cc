#include <gtest/gtest.h>

#include "lock/redlock/protocol.h"
#include "lock/redlock/protocol_under_test.h"

namespace itemgate::redlock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using enum Vote;

const Duration kExpiry = seconds(9);

class HeldLock : public ProtocolUnderTest {
 public:
  explicit HeldLock(int nodes) : HeldLock(PlanFor(nodes, kExpiry)) {}
  explicit HeldLock(const Plan& plan) : ProtocolUnderTest(plan) {
    (void)Start();
    for (int node = 0; node < plan.node_count; ++node) (void)Set(node, kGranted);
    EXPECT_TRUE(protocol.is_held());
  }

  /// The nodes answer the renewal in order.
  Step ExtendAll(std::initializer_list<Vote> votes) {
    Step all;
    int node = 0;
    for (const Vote vote : votes) {
      const Step step = Extend(node++, vote);
      all.set = all.set | step.set;
      all.lost = all.lost || step.lost;
    }
    return all;
  }
};

TEST(HeldLock, IsRenewedWithinAThirdOfItsExpiry) {
  HeldLock lock(3);
  const Instant start = lock.now;
  EXPECT_EQ(lock.RunToDue().extend, NodeSet::First(3));
  EXPECT_LE(lock.now - start, kExpiry / 3);
  EXPECT_GE(lock.now - start, kExpiry / 4);
  const Instant asked = lock.now;
  lock.now += milliseconds(20);
  (void)lock.ExtendAll({kGranted, kGranted, kUnknown});
  EXPECT_EQ(lock.protocol.extend_count(), 1);
  EXPECT_EQ(lock.protocol.valid_until(), asked + kExpiry - milliseconds(92));
  EXPECT_EQ(lock.protocol.summary(), (RedLockInstanceSummary{2, 0, 1}));
}

TEST(HeldLock, LocksTakenAtAboutTheSameTimeAreRenewedTogether) {
  HeldLock first(1);
  ProtocolUnderTest third(first.protocol.plan());
  third.now = first.now + milliseconds(1);
  (void)third.Start();
  (void)third.Set(0, kGranted);
  EXPECT_EQ(first.protocol.due(), third.protocol.due());
}

TEST(HeldLock, ARenewalThatFailsIsTriedAgainUntilTheMargin) {
  HeldLock lock(1);
  const Instant end = lock.protocol.valid_until();
  int renewals = 0;
  Step step = lock.RunToDue();
  for (; !step.lost; step = lock.RunToDue()) {
    if (step.extend.empty()) continue;
    ++renewals;
    EXPECT_FALSE(lock.Extend(0, kRefused).lost);
    EXPECT_TRUE(lock.protocol.is_held());
  }
  EXPECT_GT(renewals, 10);
  EXPECT_EQ(lock.now, end - kExpiry / 20);
  EXPECT_EQ(lock.protocol.loss_reason(), RedLockLossReason::kExpired);
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kNoQuorum);
  EXPECT_EQ(lock.protocol.extend_count(), 0);
}

TEST(HeldLock, ALostLockIsNeverAcquiredAgain) {
  HeldLock lock(1);
  (void)lock.RunToDue();
  const std::uint32_t round = lock.protocol.round();
  EXPECT_TRUE(lock.Extend(0, kTaken).lost);
  EXPECT_FALSE(lock.protocol.OnExtend(round, 0, kGranted, lock.now).lost);
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kConflicted);
  EXPECT_FALSE(lock.protocol.due());
}

TEST(HeldLock, IsLostAtOnceWhenAQuorumIsTakenOrGone) {
  HeldLock taken(3);
  (void)taken.RunToDue();
  EXPECT_TRUE(taken.ExtendAll({kTaken, kTaken}).lost);
  EXPECT_EQ(taken.protocol.loss_reason(), RedLockLossReason::kTaken);
  EXPECT_EQ(taken.protocol.status(), RedLockStatus::kConflicted);

  HeldLock gone(3);
  (void)gone.RunToDue();
  EXPECT_TRUE(gone.ExtendAll({kMissing, kMissing}).lost);
  EXPECT_EQ(gone.protocol.loss_reason(), RedLockLossReason::kMissing);
  EXPECT_EQ(gone.protocol.status(), RedLockStatus::kNoQuorum);
}

// A node that was restarted empty gets its key back, but only while the others suffice without it.
TEST(HeldLock, AMinorityThatLostTheKeyGetsItAgain) {
  HeldLock lock(3);
  (void)lock.RunToDue();
  EXPECT_EQ(lock.ExtendAll({kMissing, kGranted, kGranted}).set, NodeSet::Of(0));
  EXPECT_EQ(lock.protocol.summary(), (RedLockInstanceSummary{2, 0, 1}));
  (void)lock.Set(0, kGranted);
  EXPECT_EQ(lock.protocol.summary(), (RedLockInstanceSummary{3, 0, 0}));

  (void)lock.RunToDue();  // and where the missing one answers last
  EXPECT_EQ(lock.ExtendAll({kGranted, kGranted, kMissing}).set, NodeSet::Of(2));
}

TEST(HeldLock, ANodeThatMayHaveGotTheKeyAgainIsOwedItsDeletion) {
  HeldLock lock(3);
  (void)lock.RunToDue();
  EXPECT_EQ(lock.ExtendAll({kGranted, kGranted, kMissing}).set, NodeSet::Of(2));
  (void)lock.Release();  // before the node has answered
  for (const int node : {0, 1}) (void)lock.Unlock(node, kGranted);
  (void)lock.Unlock(2, kUnknown);
  EXPECT_FALSE(lock.protocol.is_finished());
  EXPECT_EQ(lock.RunToDue().unlock, NodeSet::Of(2));
  (void)lock.Unlock(2, kGranted);
  EXPECT_TRUE(lock.protocol.is_finished());
}

TEST(HeldLock, AMissingKeyDoesNotCountTowardsTheQuorum) {
  HeldLock lock(3);
  (void)lock.RunToDue();
  const Step step = lock.ExtendAll({kMissing, kGranted, kUnknown});
  EXPECT_TRUE(step.set.empty());
  EXPECT_TRUE(lock.protocol.is_held());  // still by its last renewal
  EXPECT_EQ(lock.protocol.extend_count(), 0);
}

TEST(HeldLock, OnlyOneRenewalIsUnderWay) {
  HeldLock lock(2);
  EXPECT_FALSE(lock.RunToDue().extend.empty());
  EXPECT_EQ(*lock.protocol.due() - lock.now, milliseconds(450));
  EXPECT_TRUE(lock.RunToDue().extend.empty());  // both silent: closed, and begun anew after a pause
  EXPECT_FALSE(lock.RunToDue().extend.empty());
}

TEST(HeldLock, WithoutRenewalIsLostBeforeItsEnd) {
  Plan plan = PlanFor(1, kExpiry);
  plan.renew = false;
  HeldLock lock(plan);
  EXPECT_TRUE(lock.RunToDue().lost);
  EXPECT_EQ(lock.now, lock.protocol.valid_until() - kExpiry / 20);
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kExpired);
}

TEST(HeldLock, IsNotRenewedBeyondTheLongestHold) {
  Plan plan = PlanFor(1, kExpiry);
  plan.hold_max = seconds(20);
  HeldLock lock(plan);
  const Instant start = lock.now;
  Step step = lock.RunToDue();
  for (; !step.lost; step = lock.RunToDue()) (void)lock.Extend(0, kGranted);
  EXPECT_EQ(lock.now - start, seconds(20));
  EXPECT_EQ(lock.protocol.loss_reason(), RedLockLossReason::kHoldMax);
}

TEST(HeldLock, IsLostWhenItsFactoryIsClosedAndThenReleased) {
  HeldLock lock(3);
  EXPECT_TRUE(lock.protocol.Close().lost);
  EXPECT_EQ(lock.protocol.loss_reason(), RedLockLossReason::kFactoryClosed);
  EXPECT_FALSE(lock.protocol.Close().lost);
  EXPECT_EQ(lock.Release().unlock, NodeSet::First(3));
}

TEST(HeldLock, ARenewalIsNeverDueInThePast) {
  Plan plan = PlanFor(1, kExpiry);
  plan.node_timeout = kExpiry;
  ProtocolUnderTest lock(plan);
  (void)lock.Start();
  lock.now += kExpiry / 2;  // a slow answer, beyond the time to renew
  EXPECT_TRUE(lock.Set(0, kGranted).answered);
  EXPECT_GE(*lock.protocol.due(), lock.now);
}

TEST(HeldLock, OneThatWasNeverAcquiredHasNoEnd) {
  Plan plan = PlanFor(1, kExpiry);
  plan.node_timeout = 2 * kExpiry;
  ProtocolUnderTest lock(plan);
  (void)lock.Start();
  lock.now += kExpiry;  // a majority, too late
  EXPECT_TRUE(lock.Set(0, kGranted).answered);
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kExpired);
  EXPECT_EQ(lock.protocol.valid_until(), Instant{});
}

TEST(HeldLock, ReleaseIsAnsweredAtQuorumAndCountsTheNodes) {
  HeldLock lock(5);
  EXPECT_EQ(lock.Release().unlock, NodeSet::First(5));
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kUnlocked);
  EXPECT_EQ(lock.protocol.summary(), RedLockInstanceSummary());
  EXPECT_FALSE(lock.Unlock(0, kGranted).released);
  EXPECT_FALSE(lock.Unlock(1, kUnknown).released);
  EXPECT_FALSE(lock.Unlock(2, kGranted).released);
  EXPECT_TRUE(lock.Unlock(3, kMissing).released);
  EXPECT_EQ(lock.protocol.release().released, 2);
  EXPECT_EQ(lock.protocol.release().absent, 1);
  EXPECT_EQ(lock.protocol.release().error, 2);
  EXPECT_FALSE(lock.protocol.is_finished());  // two nodes may still have it
}

TEST(HeldLock, ASilentNodeDoesNotHoldUpTheReleaseForLong) {
  HeldLock lock(1);
  (void)lock.Release();
  const Instant start = lock.now;
  EXPECT_TRUE(lock.RunToDue().released);
  EXPECT_EQ(lock.now - start, milliseconds(450));
}

TEST(HeldLock, ARenewalUnderWayDoesNotOutliveTheRelease) {
  HeldLock lock(1);
  (void)lock.RunToDue();
  const std::uint32_t renewal = lock.protocol.round();
  EXPECT_EQ(lock.Release().unlock, NodeSet::First(1));
  EXPECT_FALSE(lock.protocol.OnExtend(renewal, 0, kGranted, lock.now).lost);
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kUnlocked);
  EXPECT_TRUE(lock.Unlock(0, kGranted).released);
  EXPECT_TRUE(lock.protocol.is_finished());
  EXPECT_FALSE(lock.protocol.due());
}

TEST(HeldLock, ReleaseKeepsTheExtendCountAndASecondOneDoesNothing) {
  HeldLock lock(1);
  (void)lock.RunToDue();
  (void)lock.Extend(0, kGranted);
  (void)lock.Release();
  (void)lock.Unlock(0, kGranted);
  const Step again = lock.Release();
  EXPECT_TRUE(again.released && again.unlock.empty());
  EXPECT_EQ(lock.protocol.extend_count(), 1);
}

TEST(HeldLock, ALostLockIsReleasedWhereItsKeyStillIs) {
  HeldLock lock(3);
  (void)lock.RunToDue();
  (void)lock.ExtendAll({kTaken, kTaken});
  EXPECT_EQ(lock.Release().unlock, NodeSet::First(3));
}

}  // namespace
}  // namespace itemgate::redlock
