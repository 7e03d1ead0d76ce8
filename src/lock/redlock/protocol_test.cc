#include "lock/redlock/protocol.h"

#include <array>

#include <gtest/gtest.h>

#include "lock/redlock/protocol_under_test.h"

namespace itemgate::redlock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using enum Vote;

const Duration kExpiry = seconds(10);

Plan PlanOf(int nodes) { return PlanFor(nodes, kExpiry); }

Plan WaitingPlan(int nodes, Duration wait) {
  Plan plan = PlanOf(nodes);
  plan.wait = wait;
  plan.retry = milliseconds(500);
  return plan;
}

TEST(LockProtocol, AsksEveryNodeAndDecidesAtQuorum) {
  ProtocolUnderTest lock(PlanOf(5));
  EXPECT_EQ(lock.Start().set, NodeSet::First(5));
  EXPECT_FALSE(lock.Set(4, kGranted).answered);
  EXPECT_FALSE(lock.Set(0, kTaken).answered);
  EXPECT_FALSE(lock.Set(2, kGranted).answered);
  const Step step = lock.Set(3, kGranted);
  EXPECT_TRUE(step.answered);
  EXPECT_TRUE(step.unlock.empty());
  EXPECT_TRUE(lock.protocol.is_held());
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kAcquired);
  EXPECT_EQ(lock.protocol.summary(), (RedLockInstanceSummary{3, 1, 0}));
  EXPECT_FALSE(lock.Set(1, kGranted).answered);  // a straggler is counted, and kept
  EXPECT_EQ(lock.protocol.summary(), (RedLockInstanceSummary{4, 1, 0}));
}

TEST(LockProtocol, TheDeadlineIsReckonedFromBeforeTheQuestion) {
  ProtocolUnderTest lock(PlanOf(1));
  const Instant start = lock.now;
  (void)lock.Start();
  lock.now += milliseconds(300);
  EXPECT_TRUE(lock.Set(0, kGranted).answered);
  EXPECT_EQ(lock.protocol.valid_until(), start + kExpiry - milliseconds(102));
}

// Whoever answers: a lock is acquired if and only if a quorum is free, and what was set is deleted if it is not.
TEST(LockProtocol, EveryMaskOfOccupiedNodes) {
  for (int nodes = 1; nodes <= 7; ++nodes) {
    for (std::uint32_t mask = 0; mask < (1u << nodes); ++mask) {
      for (const bool backwards : {false, true}) {
        ProtocolUnderTest lock(PlanOf(nodes));
        const NodeSet occupied(mask);
        NodeSet set;
        Step last = lock.Start();
        for (int i = 0; i < nodes && !last.answered; ++i) {
          const int node = backwards ? nodes - 1 - i : i;
          if (!occupied.Contains(node)) set.Add(node);
          last = lock.Set(node, occupied.Contains(node) ? kTaken : kGranted);
        }
        const bool is_free = nodes - occupied.count() >= nodes / 2 + 1;
        EXPECT_TRUE(last.answered);
        EXPECT_EQ(lock.protocol.is_held(), is_free) << nodes << " nodes, mask " << mask;
        EXPECT_EQ(lock.protocol.status(),
                  is_free ? RedLockStatus::kAcquired : RedLockStatus::kConflicted);
        EXPECT_TRUE(is_free || (set - last.unlock).empty());
      }
    }
  }
}

// Of all answers of five nodes in order: the status is rule 10's, whatever the answers, once all have come.
TEST(LockProtocol, TheStatusIsThatOfAllAnswersThoughSomeAreNotAwaited) {
  constexpr int kNodes = 5;
  const std::array votes = {kGranted, kTaken, kRefused, kUnknown};
  for (int pattern = 0; pattern < 1024; ++pattern) {
    ProtocolUnderTest lock(PlanOf(kNodes));
    int granted = 0;
    int taken = 0;
    (void)lock.Start();
    bool answered = false;
    for (int node = 0, rest = pattern; node < kNodes; ++node, rest /= 4) {
      const Vote vote = votes[static_cast<std::size_t>(rest % 4)];
      granted += vote == kGranted ? 1 : 0;
      taken += vote == kTaken ? 1 : 0;
      if (!answered) answered = lock.Set(node, vote).answered;
    }
    EXPECT_TRUE(answered);
    const RedLockStatus expected = granted >= 3           ? RedLockStatus::kAcquired
                                   : granted + taken >= 3 ? RedLockStatus::kConflicted
                                                          : RedLockStatus::kNoQuorum;
    EXPECT_EQ(lock.protocol.status(), expected) << pattern;
  }
}

TEST(LockProtocol, DoesNotWaitForTheSlowestToGiveUp) {
  ProtocolUnderTest lock(PlanOf(5));
  (void)lock.Start();
  const Step step = lock.SetAll({kTaken, kTaken, kTaken});
  EXPECT_TRUE(step.answered);
  EXPECT_EQ(step.unlock, NodeSet(0b11000));  // whatever those two will say
}

TEST(LockProtocol, WaitsForTheAnswerThatSaysWhyItFailed) {
  ProtocolUnderTest lock(PlanOf(5));
  (void)lock.Start();
  EXPECT_FALSE(lock.SetAll({kRefused, kRefused, kTaken, kTaken}).answered);
  EXPECT_TRUE(lock.Set(4, kTaken).answered);
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kConflicted);
}

TEST(LockProtocol, ASilentNodeCountsAsAnErrorAfterItsTime) {
  ProtocolUnderTest lock(PlanOf(2));
  (void)lock.Start();
  EXPECT_FALSE(lock.Set(0, kGranted).answered);
  const Instant start = lock.now;
  const Step step = lock.RunToDue();
  EXPECT_EQ(lock.now - start, milliseconds(500));
  EXPECT_TRUE(step.answered);
  EXPECT_EQ(step.unlock, NodeSet::First(2));
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kNoQuorum);
  EXPECT_EQ(lock.protocol.summary(), (RedLockInstanceSummary{1, 0, 1}));
}

TEST(LockProtocol, AQuorumThatComesTooLateIsExpired) {
  Plan plan = PlanFor(1, milliseconds(10));
  ProtocolUnderTest lock(plan);
  (void)lock.Start();
  lock.now += milliseconds(8);
  const Step step = lock.Set(0, kGranted);
  EXPECT_TRUE(step.answered);
  EXPECT_EQ(step.unlock, NodeSet::First(1));
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kExpired);
  EXPECT_EQ(lock.protocol.summary(), (RedLockInstanceSummary{1, 0, 0}));
}

TEST(LockProtocol, ThreeAttemptsWithRandomPausesThenGivesUp) {
  Plan plan = PlanOf(3);
  plan.attempts = 3;
  ProtocolUnderTest lock(plan);
  (void)lock.Start();
  for (int attempt = 1; attempt < 3; ++attempt) {
    const Step failed = lock.SetAll({kTaken, kGranted, kTaken});
    EXPECT_EQ(failed.unlock, NodeSet(0b010));
    EXPECT_FALSE(failed.answered);
    EXPECT_LT(*lock.protocol.due() - lock.now, milliseconds(400));
    EXPECT_EQ(lock.RunToDue().set, NodeSet::First(3));
  }
  EXPECT_TRUE(lock.SetAll({kTaken, kGranted, kTaken}).answered);
}

TEST(LockProtocol, AnswersOfAnEarlierAttemptDoNotCount) {
  Plan plan = PlanOf(3);
  plan.attempts = 2;
  ProtocolUnderTest lock(plan);
  (void)lock.Start();
  const std::uint32_t first = lock.protocol.round();
  (void)lock.SetAll({kTaken, kTaken});
  (void)lock.RunToDue();
  EXPECT_FALSE(lock.protocol.OnSet(first, 2, kGranted, lock.now).answered);
  EXPECT_FALSE(lock.Set(0, kGranted).answered);
  EXPECT_TRUE(lock.Set(1, kGranted).answered);
}

// A key that an attempt may have left is deleted even where the next attempt is told "taken": it may be our own.
TEST(LockProtocol, TakenAfterAnUnknownAnswerMayBeByUs) {
  Plan plan = PlanOf(1);
  plan.attempts = 2;
  ProtocolUnderTest lock(plan);
  (void)lock.Start();
  EXPECT_EQ(lock.Set(0, kUnknown).unlock, NodeSet::First(1));
  EXPECT_FALSE(lock.Unlock(0, kUnknown).answered);
  (void)lock.RunToDue();
  const Step step = lock.Set(0, kTaken);
  EXPECT_TRUE(step.answered);
  EXPECT_EQ(step.unlock, NodeSet::First(1));
}

TEST(LockProtocol, WaitsUntilTheLockIsFree) {
  ProtocolUnderTest lock(WaitingPlan(1, seconds(10)));
  (void)lock.Start();
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(lock.Set(0, kTaken).answered);
    const Duration pause = *lock.protocol.due() - lock.now;
    EXPECT_GE(pause, milliseconds(250));
    EXPECT_LE(pause, milliseconds(500));
    EXPECT_EQ(lock.RunToDue().set, NodeSet::First(1));
  }
  EXPECT_TRUE(lock.Set(0, kGranted).answered);
  EXPECT_TRUE(lock.protocol.is_held());
}

TEST(LockProtocol, NoPauseOfOneThatWaitsIsLongerThanItsRetry) {
  Plan plan = WaitingPlan(1, seconds(100));
  plan.attempts = 3;
  plan.retry = milliseconds(20);
  ProtocolUnderTest lock(plan);
  (void)lock.Start();
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(lock.Set(0, kTaken).answered);
    EXPECT_LE(*lock.protocol.due() - lock.now, plan.retry);
    EXPECT_EQ(lock.RunToDue().set, NodeSet::First(1));
  }
}

TEST(LockProtocol, LooksOnceMoreAtTheEndOfTheWait) {
  ProtocolUnderTest lock(WaitingPlan(1, milliseconds(200)));
  const Instant start = lock.now;
  (void)lock.Start();
  EXPECT_FALSE(lock.Set(0, kTaken).answered);
  EXPECT_EQ(lock.RunToDue().set, NodeSet::First(1));
  EXPECT_EQ(lock.now, start + milliseconds(200));
  EXPECT_TRUE(lock.Set(0, kTaken).answered);
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kConflicted);
}

TEST(LockProtocol, AStrictDeadlineIsNotOvershotByAnAttempt) {
  Plan plan = WaitingPlan(1, milliseconds(700));
  plan.deadline = RedLockDeadline::kStrict;
  ProtocolUnderTest lock(plan);
  const Instant start = lock.now;
  (void)lock.Start();
  Step step = lock.RunToDue();  // the node is silent
  while (!step.answered) step = lock.RunToDue();
  EXPECT_EQ(lock.now, start + milliseconds(700));
}

// The nodes had no time to answer, which is no sign that they are away.
TEST(LockProtocol, AnAttemptThatAStrictDeadlineCutsShortChangesNoStatus) {
  Plan plan = WaitingPlan(3, milliseconds(700));
  plan.deadline = RedLockDeadline::kStrict;
  ProtocolUnderTest lock(plan);
  (void)lock.Start();
  EXPECT_FALSE(lock.SetAll({kTaken, kTaken, kTaken}).answered);
  EXPECT_EQ(lock.RunToDue().set, NodeSet::First(3));
  (void)lock.Set(0, kGranted);
  const Step step = lock.RunToDue();
  EXPECT_TRUE(step.answered);
  EXPECT_EQ(step.unlock, NodeSet::First(3));
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kConflicted);
  EXPECT_EQ(lock.protocol.summary(), (RedLockInstanceSummary{0, 2, 0}));
}

TEST(LockProtocol, AHintEndsThePause) {
  ProtocolUnderTest lock(WaitingPlan(1, seconds(10)));
  (void)lock.Start();
  EXPECT_FALSE(lock.protocol.is_waiting());
  (void)lock.Set(0, kTaken);
  EXPECT_TRUE(lock.protocol.is_waiting());
  EXPECT_EQ(lock.Wake().set, NodeSet::First(1));
}

// The node that told of the release may have been the first of all to delete the key.
TEST(LockProtocol, AHintThatComesTooEarlyIsFollowedByAnotherLook) {
  Plan plan = PlanOf(1);
  plan.wait = seconds(100);
  plan.retry = milliseconds(200);
  ProtocolUnderTest lock(plan);
  (void)lock.Start();
  (void)lock.Set(0, kTaken);
  for (int i = 0; i < 100; ++i) {
    const Instant hinted = lock.now;
    EXPECT_FALSE(lock.Wake().set.empty());
    (void)lock.Set(0, kTaken);
    EXPECT_FALSE(lock.RunToDue().set.empty());
    EXPECT_LE(lock.now - hinted, milliseconds(20));
    (void)lock.Set(0, kTaken);
  }
}

// The answer "taken" may be older than the hint.
TEST(LockProtocol, AHintWhileItAsksIsNotLost) {
  ProtocolUnderTest lock(WaitingPlan(1, seconds(10)));
  (void)lock.Start();
  EXPECT_TRUE(lock.Wake().set.empty());
  (void)lock.Set(0, kTaken);
  EXPECT_EQ(lock.protocol.due(), lock.now);
  EXPECT_EQ(lock.RunToDue().set, NodeSet::First(1));
  (void)lock.Set(0, kTaken);
  EXPECT_GT(*lock.protocol.due(), lock.now);
  EXPECT_LE(*lock.protocol.due(), lock.now + milliseconds(40));  // that one may have come too early
}

TEST(LockProtocol, HintsProlongNoWait) {
  Plan plan = WaitingPlan(1, seconds(1));
  plan.attempts = 3;
  ProtocolUnderTest lock(plan);
  const Duration answer_time = milliseconds(10);
  const Instant start = lock.now;
  const Instant end = start + plan.wait + 3 * (plan.attempt_delay + answer_time);
  (void)lock.Start();
  while (true) {
    lock.now += answer_time;
    ASSERT_LE(lock.now, end);
    if (lock.Set(0, kTaken).answered) break;
    if (lock.Wake().set.empty()) (void)lock.RunToDue();
  }
  EXPECT_GE(lock.now, start + plan.wait);
}

TEST(LockProtocol, CancelledWhileAskingDeletesWhatMayBeThere) {
  ProtocolUnderTest lock(PlanOf(3));
  (void)lock.Start();
  (void)lock.Set(0, kTaken);
  const Step step = lock.Cancel();
  EXPECT_TRUE(step.cancelled && step.answered);
  EXPECT_EQ(step.unlock, NodeSet(0b110));
  EXPECT_FALSE(lock.protocol.is_finished());
  (void)lock.Unlock(1, kMissing);
  (void)lock.Unlock(2, kGranted);
  EXPECT_TRUE(lock.protocol.is_finished());
}

TEST(LockProtocol, CancelledWhilePausingIsOver) {
  ProtocolUnderTest lock(WaitingPlan(1, seconds(10)));
  (void)lock.Start();
  (void)lock.Set(0, kTaken);
  EXPECT_TRUE(lock.Cancel().cancelled);
  EXPECT_TRUE(lock.protocol.is_finished());
  EXPECT_FALSE(lock.protocol.due());
}

/// Whom a lock's key may be left with.
NodeSet Left(NodeSet left, const Step& step) { return (left | step.set) - step.unlock; }

// Nodes that were asked and have not answered execute the deletion after the setting.
TEST(LockProtocol, CancelledAfterAnyEventLeavesNothing) {
  constexpr std::array<Vote, 4> kVotes = {kGranted, kTaken, kRefused, kUnknown};
  Plan plan = WaitingPlan(3, seconds(60));
  plan.attempts = 2;
  for (unsigned votes = 0; votes < 4 * 4 * 4; ++votes) {
    for (int events = 0; events < 12; ++events) {  // two attempts and a part of the third
      ProtocolUnderTest lock(plan);
      NodeSet left = Left({}, lock.Start());
      for (int event = 0; event < events && !lock.protocol.is_held(); ++event) {
        const int node = event % 4;
        if (node == 3) {
          left = Left(left, lock.RunToDue());
          continue;
        }
        const Vote vote = kVotes[(votes >> (2 * static_cast<unsigned>(node))) % 4];
        left = Left(left, lock.Set(node, vote));
      }
      if (lock.protocol.is_held()) continue;
      const Step step = lock.Cancel();
      EXPECT_TRUE(step.cancelled && step.answered);
      left = left - step.unlock;
      step.unlock.ForEach([&](int node) { (void)lock.Unlock(node, kMissing); });
      EXPECT_TRUE(lock.protocol.is_finished()) << votes << " after " << events;
      // Only who refused, or has another's key, may have been left out.
      left.ForEach([&](int node) {
        const Vote vote = kVotes[(votes >> (2 * static_cast<unsigned>(node))) % 4];
        EXPECT_TRUE(vote == kTaken || vote == kRefused) << votes << " after " << events;
      });
    }
  }
}

TEST(LockProtocol, CancelAfterTheAnswerDoesNothing) {
  ProtocolUnderTest lock(PlanOf(1));
  (void)lock.Start();
  (void)lock.Set(0, kGranted);
  EXPECT_FALSE(lock.Cancel().cancelled);
  EXPECT_TRUE(lock.protocol.is_held());
}

TEST(LockProtocol, WhatWasNotDeletedIsDeletedLaterUntilItHasExpired) {
  ProtocolUnderTest lock(PlanOf(1));
  (void)lock.Start();
  const Instant start = lock.now;
  EXPECT_EQ(lock.RunToDue().unlock, NodeSet::First(1));
  (void)lock.Unlock(0, kRefused);
  int tries = 0;
  while (!lock.protocol.is_finished()) {
    const Step step = lock.RunToDue();
    if (step.unlock.empty()) continue;
    ++tries;
    (void)lock.Unlock(0, kRefused);
  }
  EXPECT_GT(tries, 5);
  EXPECT_GE(lock.now - start, kExpiry);
}

TEST(LockProtocol, ANodeThatWasNeverReachedIsOwedNothing) {
  ProtocolUnderTest lock(PlanOf(3));
  (void)lock.Start();
  (void)lock.SetAll({kGranted, kGranted});
  (void)lock.Set(2, kRefused);
  EXPECT_EQ(lock.RunToDue().extend, NodeSet::First(3));
  for (const int node : {0, 1}) (void)lock.Extend(node, kGranted);
  (void)lock.Extend(2, kRefused);
  (void)lock.Release();
  for (const int node : {0, 1}) (void)lock.Unlock(node, kGranted);
  (void)lock.Unlock(2, kRefused);
  EXPECT_TRUE(lock.protocol.is_finished());
}

TEST(LockProtocol, ALockThatWasNotAcquiredMayBeReleased) {
  ProtocolUnderTest lock(PlanOf(1));
  (void)lock.Start();
  EXPECT_TRUE(lock.Set(0, kTaken).answered);
  EXPECT_TRUE(lock.Release().released);
  EXPECT_EQ(lock.protocol.status(), RedLockStatus::kUnlocked);
}

}  // namespace
}  // namespace itemgate::redlock
