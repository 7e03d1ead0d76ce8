#include "server/admission.h"

#include <gtest/gtest.h>

namespace itemgate::server {
namespace {

using namespace std::chrono_literals;
using Verdict = Admission::Verdict;

class AdmissionTest : public testing::Test {
 protected:
  /// Saves end one after the other for a while, each after such a delay.
  void LetPass(Duration time, Duration between, Duration delay) {
    for (const Instant end = now_ + time; now_ < end;) {
      now_ += between;
      admission_.Observe(delay, now_);
    }
  }
  void Begin(int count) {
    for (int i = 0; i < count; ++i) admission_.Began();
  }

  Instant now_ = Instant{} + 1h;
  Admission admission_{{.in_flight_always = 10, .in_flight_max = 1000}};
};

TEST_F(AdmissionTest, GroupCommitIsNoOverload) {
  Begin(500);
  for (const Duration commit : {200us, 2000us}) {
    LetPass(1s, 20us, 2 * commit);
    EXPECT_FALSE(admission_.overloaded());
    EXPECT_EQ(admission_.Ask(), Verdict::kAdmit);
  }
}

TEST_F(AdmissionTest, ABurstThatPassesIsNoOverload) {
  Begin(500);
  for (int i = 0; i < 20; ++i) {
    LetPass(80ms, 1ms, 300ms);
    LetPass(10ms, 1ms, 1ms);
    EXPECT_FALSE(admission_.overloaded());
  }
}

TEST_F(AdmissionTest, AStandingQueueAdmitsOnlyWhatIsFinishedWithinTheTarget) {
  LetPass(300ms, 100us, 20ms);  // 10,000 a second, all late
  EXPECT_TRUE(admission_.overloaded());
  Begin(49);
  EXPECT_EQ(admission_.Ask(), Verdict::kAdmit);  // 10,000 / s x 5 ms = 50
  Begin(2);
  EXPECT_EQ(admission_.Ask(), Verdict::kOverloaded);
}

TEST_F(AdmissionTest, StaysOverloadedWhileSomebodyMustBeRefusedAndThenNoLonger) {
  LetPass(300ms, 100us, 20ms);
  Begin(200);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(admission_.Ask(), Verdict::kOverloaded);
    LetPass(100ms, 100us, 2ms);  // quick again, because others are refused
    EXPECT_TRUE(admission_.overloaded());
  }
  LetPass(210ms, 100us, 2ms);
  EXPECT_FALSE(admission_.overloaded());
  EXPECT_EQ(admission_.Ask(), Verdict::kAdmit);
}

TEST_F(AdmissionTest, SaysThatOthersHavePrecedenceWhileSomebodyShowsTheOverload) {
  EXPECT_FALSE(admission_.others_have_precedence(now_));
  LetPass(300ms, 100us, 20ms);
  EXPECT_TRUE(admission_.others_have_precedence(now_));
  EXPECT_TRUE(admission_.others_have_precedence(now_ + 900ms));
  EXPECT_FALSE(admission_.others_have_precedence(now_ + 1100ms));  // nobody is left to have it
  EXPECT_TRUE(admission_.overloaded());
}

TEST_F(AdmissionTest, AFewAreAlwaysAdmittedHoweverSlowTheDisk) {
  LetPass(5s, 50ms, 500ms);
  EXPECT_TRUE(admission_.overloaded());
  Begin(9);
  EXPECT_EQ(admission_.Ask(), Verdict::kAdmit);
  Begin(1);
  EXPECT_EQ(admission_.Ask(), Verdict::kOverloaded);
}

TEST_F(AdmissionTest, OneLateSaveAfterAPauseIsNoOverload) {
  for (int i = 0; i < 10; ++i) {
    LetPass(1s, 1s, 1s);
    EXPECT_FALSE(admission_.overloaded());
  }
}

TEST_F(AdmissionTest, WithoutATargetOnlyTheLimitRefuses) {
  Admission backend({.delay_target = Duration::zero(), .in_flight_max = 3});
  for (int i = 0; i < 100; ++i) backend.Observe(40s, now_ += 50ms);
  EXPECT_FALSE(backend.overloaded());
  EXPECT_GT(backend.typical_delay(), 39s);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(backend.Ask(), Verdict::kAdmit);
    backend.Began();
  }
  EXPECT_EQ(backend.Ask(), Verdict::kTooMany);
  backend.Ended();
  EXPECT_EQ(backend.Ask(), Verdict::kAdmit);
}

}  // namespace
}  // namespace itemgate::server
