#include "server/idempotency.h"

#include <string>

#include <gtest/gtest.h>

#include "key/digest.h"

namespace itemgate::server {
namespace {

using namespace std::chrono_literals;
using State = IdempotencyTable::State;

class IdempotencyTest : public testing::Test {
 protected:
  IdempotencyTable::Found Begin(std::string_view key, std::string_view content = "a",
                                std::string_view scope = "default") {
    return table_.Begin({.scope = scope, .route = "saveItem", .key = key}, Sha256(content), now_);
  }
  void Save(std::string_view key) {
    table_.Finish(Begin(key).handle, {.outcome = Outcome::kCreated, .id = ItemId{7}});
  }

  Instant now_ = Instant{} + 1h;
  IdempotencyTable table_{{.lifetime = 24h, .entries_max = 3}, 1};
};

TEST_F(IdempotencyTest, RemembersTheAnswerOfTheFirst) {
  const auto first = Begin("k");
  EXPECT_EQ(first.state, State::kNew);
  EXPECT_EQ(Begin("k").state, State::kRunning);
  EXPECT_EQ(Begin("k", "b").state, State::kOtherContent);
  table_.Finish(first.handle, {.outcome = Outcome::kDuplicate, .joined = true, .id = ItemId{7}});
  const auto replay = Begin("k");
  EXPECT_EQ(replay.state, State::kFinished);
  EXPECT_EQ(replay.answer.outcome, Outcome::kDuplicate);
  EXPECT_TRUE(replay.answer.joined);
  EXPECT_EQ(replay.answer.id, ItemId{7});
  EXPECT_EQ(Begin("k", "b").state, State::kOtherContent);
  EXPECT_EQ(Begin("k", "b", "other").state, State::kNew);
}

TEST_F(IdempotencyTest, ForgetsWhatWasAbandoned) {
  table_.Abandon(Begin("k").handle);
  EXPECT_EQ(Begin("k", "b").state, State::kNew);
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(IdempotencyTest, AnAttemptThatWasForgottenDoesNotAnswerForALaterOne) {
  const auto slow = Begin("k", "a");
  now_ += 24h;
  const auto later = Begin("k", "b");
  ASSERT_EQ(later.state, State::kNew);
  table_.Finish(slow.handle, {.outcome = Outcome::kCreated, .id = ItemId{7}});
  EXPECT_EQ(Begin("k", "b").state, State::kRunning);
  table_.Abandon(slow.handle);
  EXPECT_EQ(Begin("k", "b").state, State::kRunning);
}

TEST_F(IdempotencyTest, ForgetsAfterItsLifetime) {
  Save("k");
  now_ += 24h - 1ns;
  EXPECT_EQ(Begin("k").state, State::kFinished);
  now_ += 1ns;
  EXPECT_EQ(Begin("k", "b").state, State::kNew);
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(IdempotencyTest, OfTooManyForgetsTheOldestThatIsFinished) {
  const auto running = Begin("running");
  Save("old");
  Save("young");
  EXPECT_EQ(Begin("new").state, State::kNew);
  EXPECT_EQ(table_.size(), 3U);
  EXPECT_EQ(Begin("running").state, State::kRunning);
  EXPECT_EQ(Begin("young").state, State::kFinished);
  EXPECT_EQ(Begin("old").state, State::kNew);  // in the place of "young"
  EXPECT_EQ(Begin("one too many").state, State::kFull);
  table_.Finish(running.handle, {.outcome = Outcome::kCreated, .id = ItemId{1}});
  EXPECT_EQ(Begin("one too many").state, State::kNew);
}

TEST_F(IdempotencyTest, HoweverManyAreUnderWayFinishedOnesMakeRoom) {
  IdempotencyTable table({.lifetime = 24h, .entries_max = 1000}, 1);
  const auto begin = [&](int key) {
    return table.Begin({.scope = "s", .route = "saveItem", .key = std::to_string(key)}, Sha256("a"),
                       now_);
  };
  int key = 0;
  while (key < 500) ASSERT_EQ(begin(++key).state, State::kNew);  // slow, and the oldest
  while (key < 3000) {
    const auto found = begin(++key);
    ASSERT_EQ(found.state, State::kNew) << key;
    table.Finish(found.handle, {.outcome = Outcome::kCreated, .id = ItemId{7}});
  }
  EXPECT_EQ(begin(1).state, State::kRunning);
  EXPECT_EQ(table.size(), 1000U);
}

TEST_F(IdempotencyTest, TellsPartsOfANameApart) {
  EXPECT_EQ(Begin("ab", "x", "c").state, State::kNew);
  EXPECT_EQ(Begin("b", "x", "ca").state, State::kNew);
}

}  // namespace
}  // namespace itemgate::server
