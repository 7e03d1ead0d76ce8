#include "core/group_commit.h"

#include <deque>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/manual_executor.h"
#include "testing/scripted_store.h"
#include "testing/store_conformance.h"

namespace itemgate {
namespace {

using testing::ElementsAre;

class Request final : public CommitRequest {
 public:
  explicit Request(std::vector<std::string> contents) : contents_(std::move(contents)) {
    for (const std::string& content : contents_)
      insertions.push_back(&storage_.emplace_back(InsertionOf(content)));
  }
  void Committed(const Result<void>& outcome) override {
    EXPECT_FALSE(result) << "told twice";
    result = outcome;
  }

  std::optional<Result<void>> result;

 private:
  std::vector<std::string> contents_;
  std::deque<Insertion> storage_;
};

class GroupCommitTest : public testing::Test {
 protected:
  ManualClock clock_;
  ManualExecutor committer_{clock_};
  ScriptedStore store_;
  GroupCommit group_commit_{store_, committer_, {.items_max = 4, .bytes_max = 1000}};
};

TEST_F(GroupCommitTest, ALoneBlockingCallerRunsItsTurnItself) {
  Request request({"a"});
  const Bell& bell = group_commit_.SubmitOrRun(request);
  EXPECT_TRUE(request.result.value());
  EXPECT_EQ(bell.Listen(), 1U);
  EXPECT_EQ(committer_.posted_count(), 0U);
}

TEST_F(GroupCommitTest, ACallerThatDoesNotBlockLeavesTheTurnToTheCommitter) {
  Request request({"a"});
  group_commit_.Submit(request);
  EXPECT_FALSE(request.result);
  committer_.RunUntilIdle();
  EXPECT_TRUE(request.result.value());
}

TEST_F(GroupCommitTest, ATurnThatFollowsAnotherOneGathersForAWhile) {
  constexpr Duration kGatherTime = std::chrono::microseconds(150);
  GroupCommit gathering(store_, committer_, {.items_max = 8, .gather_time = kGatherTime});
  store_.Hold();
  Request first({"first"}), second({"second"}), third({"third"}), again({"again"});
  gathering.Submit(first);
  committer_.RunUntilIdle();
  EXPECT_EQ(store_.waiting_count(), 1U);  // the first turn does not wait
  gathering.Submit(second);
  gathering.Submit(third);
  store_.Release();
  committer_.RunUntilIdle();
  committer_.Advance(kGatherTime - Duration(1));
  EXPECT_EQ(store_.waiting_count(), 0U);
  committer_.Advance(Duration(1));
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(1, 2));
  gathering.Submit(again);
  store_.Release();
  EXPECT_TRUE(second.result.value());
  EXPECT_TRUE(third.result.value());
  committer_.Advance(kGatherTime);
  store_.Release();
  EXPECT_TRUE(again.result.value());
}

TEST_F(GroupCommitTest, ATurnDoesNotWaitLongerThanUntilAllHaveComeAgain) {
  GroupCommit gathering(store_, committer_, {.items_max = 8, .gather_time = std::chrono::hours(1)});
  store_.Hold();
  Request first({"a"}), waits({"b"}), again({"c"}), a({"d"}), b({"e"}), late({"f"});
  gathering.Submit(first);
  committer_.RunUntilIdle();
  gathering.Submit(waits);
  store_.Release();
  committer_.RunUntilIdle();
  EXPECT_EQ(store_.waiting_count(), 0U);
  gathering.Submit(again);  // whoever was answered
  committer_.RunUntilIdle();
  EXPECT_EQ(store_.waiting_count(), 1U);
  store_.Release();  // and nobody waits now
  gathering.Submit(a);
  committer_.RunUntilIdle();
  EXPECT_EQ(store_.waiting_count(), 0U);
  static_cast<void>(gathering.SubmitOrRun(b));
  committer_.RunUntilIdle();
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(1, 2, 2));
  store_.Release();
  static_cast<void>(gathering.SubmitOrRun(late));
  EXPECT_EQ(store_.waiting_count(), 0U);
  committer_.Advance(std::chrono::hours(1));
  store_.Release();
  EXPECT_TRUE(late.result.value());
}

TEST_F(GroupCommitTest, AnotherTurnStartsBesideTheFirstOnlyForMany) {
  GroupCommit two(store_, committer_, {.items_max = 8192, .turns_max = 2});
  store_.Hold();
  Request first({"first"}), few({"few"}), third({"third"});
  std::vector<std::string> contents;
  for (std::size_t i = 0; i < GroupCommit::kOverlapItems; ++i)
    contents.push_back("of many " + std::to_string(i));
  Request many(contents);
  two.Submit(first);
  committer_.RunUntilIdle();
  two.Submit(few);
  committer_.RunUntilIdle();
  EXPECT_EQ(store_.waiting_count(), 1U);
  two.Submit(many);
  committer_.RunUntilIdle();
  EXPECT_EQ(store_.waiting_count(), 2U);
  two.Submit(third);  // there is no room for a third turn
  committer_.RunUntilIdle();
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(1, 1 + GroupCommit::kOverlapItems));
  for (int turn = 0; turn < 3; ++turn) {
    store_.Release();
    committer_.RunUntilIdle();
  }
  for (const Request* request : {&first, &few, &many, &third}) EXPECT_TRUE(request->result.value());
}

TEST_F(GroupCommitTest, GathersWhoeverComesDuringATurnIntoTheNext) {
  store_.Hold();
  Request first({"a"});
  Request second({"b"});
  Request third({"c", "d"});
  static_cast<void>(group_commit_.SubmitOrRun(first));
  static_cast<void>(group_commit_.SubmitOrRun(second));
  group_commit_.Submit(third);
  store_.Release();
  EXPECT_TRUE(first.result);
  EXPECT_FALSE(second.result);
  committer_.RunUntilIdle();
  store_.Release();
  EXPECT_TRUE(second.result);
  EXPECT_TRUE(third.result);
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(1, 3));
}

TEST_F(GroupCommitTest, ThoseOfTheNextTurnAreNotWokenByTheBellOfThisOne) {
  store_.Hold();
  Request first({"a"});
  Request second({"b"});
  const Bell& first_bell = group_commit_.SubmitOrRun(first);
  const Bell& second_bell = group_commit_.SubmitOrRun(second);
  store_.Release();
  EXPECT_EQ(first_bell.Listen(), 1U);
  EXPECT_EQ(second_bell.Listen(), 0U);
  committer_.RunUntilIdle();
  store_.Release();
  EXPECT_EQ(second_bell.Listen(), 1U);
}

TEST_F(GroupCommitTest, KeepsGroupsWithinTheirLimitsButTakesALargeRequestWhole) {
  store_.Hold();
  std::deque<Request> requests;
  requests.emplace_back(std::vector<std::string>{"first"});
  requests.emplace_back(std::vector<std::string>{"a", "b", "c"});
  requests.emplace_back(std::vector<std::string>{"d", "e"});                // too many items
  requests.emplace_back(std::vector<std::string>{std::string(2000, 'x')});  // too many bytes
  requests.emplace_back(std::vector<std::string>{"1", "2", "3", "4", "5"});
  for (Request& request : requests) group_commit_.Submit(request);
  for (committer_.RunUntilIdle(); store_.waiting_count() > 0; committer_.RunUntilIdle())
    store_.Release();
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(4, 2, 1, 5));
}

TEST_F(GroupCommitTest, TellsAllOfAGroupOfItsFailureAndGoesOn) {
  store_.FailNext(Error(ErrorCode::kStorageFull, "full"));
  Request first({"a"});
  Request second({"b"});
  group_commit_.Submit(first);
  group_commit_.Submit(second);
  committer_.RunUntilIdle();
  EXPECT_EQ(first.result->error().code, ErrorCode::kStorageFull);
  EXPECT_EQ(second.result->error().code, ErrorCode::kStorageFull);
  Request third({"c"});
  static_cast<void>(group_commit_.SubmitOrRun(third));
  EXPECT_TRUE(third.result.value());
}

}  // namespace
}  // namespace itemgate
