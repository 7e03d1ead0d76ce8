#include "load/tally.h"

#include <gtest/gtest.h>

namespace itemgate::load {
namespace {

using namespace std::chrono_literals;

const Instant kStart = Instant{} + 1h;

Outcomes Some(std::initializer_list<ItemOutcome> items) {
  Outcomes outcomes;
  for (const ItemOutcome item : items) outcomes.Add(item);
  return outcomes;
}

class TallyTest : public testing::Test {
 protected:
  TallyTest() { tally_.Begin(kStart, kStart + 10s); }

  /// A request of `due` after the start, answered so long after that.
  void Answer(int status, const Outcomes& outcomes, Duration due, Duration latency) {
    const SentRequest request{.due = kStart + due, .items = items_};
    into_->Sent(request);
    const load::Answer answer{.status = status, .outcome = {}, .closes = false};
    into_->Answered(request,
                    {.answer = answer,
                     .outcomes = outcomes,
                     .complete = complete_,
                     .excerpt = "body of " + std::to_string(status)},
                    kStart + due + latency);
  }

  Tally tally_{TallyOptions{.budget = 1s, .stretch = 1s}};
  Tally* into_ = &tally_;
  std::uint32_t items_ = 1;
  bool complete_ = true;
};

TEST_F(TallyTest, CreatedDuplicateAndJoinedAreSuccesses) {
  Answer(201, Some({ItemOutcome::kCreated}), 0s, 1ms);
  Answer(200, Some({ItemOutcome::kDuplicate}), 0s, 2ms);
  Answer(200, Some({ItemOutcome::kJoined}), 0s, 3ms);
  EXPECT_EQ(tally_.succeeded(), 3u);
  EXPECT_EQ(tally_.items(), 3u);
  EXPECT_EQ(tally_.failed(), 0u);
  EXPECT_EQ(tally_.latency().count(), 3u);
  EXPECT_EQ(tally_.latency_max(), 3ms);
  EXPECT_EQ(tally_.outcomes().Of(ItemOutcome::kCreated), 1u);
}

TEST_F(TallyTest, AServerWithoutOutcomesIsTakenByItsStatus) {
  Answer(200, {}, 0s, 1ms);
  EXPECT_EQ(tally_.succeeded(), 1u);
  EXPECT_EQ(tally_.outcomes().Total(), 0u);
}

TEST_F(TallyTest, OtherAnswersAreFailuresWithAnExampleOfEach) {
  Answer(503, {}, 0s, 1ms);
  Answer(503, {}, 0s, 1ms);
  Answer(202, Some({ItemOutcome::kInProgress}), 0s, 1ms);
  EXPECT_EQ(tally_.succeeded(), 0u);
  EXPECT_EQ(tally_.Of(Failure::kRefused), 3u);
  EXPECT_EQ(tally_.statuses().at(503), 2u);
  EXPECT_EQ(tally_.examples().at(503), "body of 503");
  EXPECT_EQ(tally_.examples().at(202), "body of 202");
  EXPECT_EQ(tally_.latency().count(), 0u);
}

TEST_F(TallyTest, ALateSuccessIsAFailureButItsLatencyCounts) {
  Answer(201, Some({ItemOutcome::kCreated}), 0s, 1001ms);
  EXPECT_EQ(tally_.succeeded(), 0u);
  EXPECT_EQ(tally_.Of(Failure::kLate), 1u);
  EXPECT_EQ(tally_.latency_max(), 1001ms);
}

TEST_F(TallyTest, ABatchSucceedsOnlyAsAWhole) {
  items_ = 2;
  Answer(200, Some({ItemOutcome::kCreated, ItemOutcome::kDuplicate}), 0s, 1ms);
  EXPECT_EQ(tally_.items(), 2u);
  Answer(200, Some({ItemOutcome::kCreated, ItemOutcome::kRefused}), 0s, 1ms);
  EXPECT_EQ(tally_.Of(Failure::kRefused), 1u);
  complete_ = false;
  Answer(200, Some({ItemOutcome::kCreated}), 0s, 1ms);
  EXPECT_EQ(tally_.Of(Failure::kIncomplete), 1u);
  EXPECT_EQ(tally_.items(), 2u);
  EXPECT_EQ(tally_.sent_items(), 6u);
  EXPECT_EQ(tally_.outcomes().Of(ItemOutcome::kCreated), 3u);  // all that were told of
}

TEST_F(TallyTest, OnlyWhatSucceedsBeforeTheEndIsInTheWindow) {
  Answer(200, {}, 9'900ms, 100ms);
  Answer(200, {}, 9'900ms, 101ms);
  EXPECT_EQ(tally_.succeeded(), 2u);
  EXPECT_EQ(tally_.succeeded_in_window(), 1u);
  EXPECT_EQ(tally_.items_in_window(), 1u);
}

TEST_F(TallyTest, StretchesTellHowItWentOverTheTime) {
  Answer(200, {}, 0s, 10ms);
  Answer(200, {}, 100ms, 500ms);
  tally_.Failed(Failure::kMissed, 3, kStart + 900ms);
  Answer(200, {}, 3s, 20ms);
  tally_.End();
  ASSERT_EQ(tally_.stretches().size(), 4u);
  EXPECT_EQ(tally_.stretches()[0].succeeded, 2u);
  EXPECT_EQ(tally_.stretches()[0].failed, 3u);
  EXPECT_NEAR(static_cast<double>(tally_.stretches()[0].latency_p99.count()), 500e6, 10e6);
  EXPECT_EQ(tally_.stretches()[2].succeeded, 0u);
  EXPECT_NEAR(static_cast<double>(tally_.stretches()[3].latency_p99.count()), 20e6, 1e6);
}

TEST_F(TallyTest, MergingAddsEverythingUp) {
  Answer(201, Some({ItemOutcome::kCreated}), 0s, 10ms);
  Tally other({.budget = 1s, .stretch = 1s});
  other.Begin(kStart, kStart + 10s);
  into_ = &other;
  Answer(503, {}, 2s, 1ms);
  Answer(200, Some({ItemOutcome::kDuplicate}), 0s, 30ms);
  tally_.ConnectFailed("refused");
  tally_.End();
  other.End();
  tally_.Merge(other);
  EXPECT_EQ(tally_.sent(), 3u);
  EXPECT_EQ(tally_.succeeded(), 2u);
  EXPECT_EQ(tally_.failed(), 1u);
  EXPECT_EQ(tally_.statuses().size(), 3u);
  EXPECT_EQ(tally_.outcomes().Saved(), 2u);
  EXPECT_EQ(tally_.latency_max(), 30ms);
  EXPECT_EQ(tally_.examples().at(0), "refused");
  ASSERT_EQ(tally_.stretches().size(), 3u);
  EXPECT_EQ(tally_.stretches()[0].succeeded, 1u);  // each counts in its own time
}

TEST(FailureName, IsThereForEachFailure) {
  for (std::size_t i = 0; i < kFailureCount; ++i) {
    EXPECT_FALSE(FailureName(static_cast<Failure>(i)).empty());
    EXPECT_FALSE(FailureMeaning(static_cast<Failure>(i)).empty());
  }
}

}  // namespace
}  // namespace itemgate::load
