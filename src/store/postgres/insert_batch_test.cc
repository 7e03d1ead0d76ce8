#include "store/postgres/insert_batch.h"

#include <array>

#include <gmock/gmock.h>

#include "testing/insertions.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;
using postgres::Failure;
using postgres::Fate;
using Next = InsertBatch::Next;
using Answer = std::expected<InsertBatch::Ids, Failure>;

constexpr Instant kStart{1h};
constexpr InsertBatch::Options kOptions{
    .attempt = 7, .deadline = kStart + 10s, .try_timeout = 5s, .tries_max = 3};

Answer FailedBy(Fate fate, ErrorCode code = ErrorCode::kUnavailable) {
  return std::unexpected(Failure{.error = Error(code, "why"), .fate = fate});
}

class InsertBatchTest : public testing::Test {
 protected:
  std::array<Insertion, 3> insertions_ = {InsertionOf("a"), InsertionOf("b"), InsertionOf("a")};
  std::array<Insertion*, 3> pointers_ = {&insertions_[0], &insertions_[1], &insertions_[2]};
  InsertBatch batch_{pointers_, kOptions};
};

TEST_F(InsertBatchTest, FillsInWhatWasMadeWhatWasThereAndWhatCameTwice) {
  EXPECT_EQ(batch_.Take(InsertBatch::Ids{-9, 4}, kStart), Next::kDone);
  EXPECT_TRUE(insertions_[0].created);
  EXPECT_EQ(insertions_[0].id, ItemId{9});
  EXPECT_FALSE(insertions_[1].created);
  EXPECT_EQ(insertions_[1].id, ItemId{4});
  EXPECT_FALSE(insertions_[2].created);
  EXPECT_EQ(insertions_[2].id, ItemId{9});
  EXPECT_EQ(batch_.made_count(), 1U);
  EXPECT_EQ(batch_.last_id(), ItemId{9});
}

TEST_F(InsertBatchTest, SendsEachContentOnce) {
  EXPECT_EQ(batch_.content_bytes(), 2U);
  EXPECT_EQ(batch_.MakeParameters(1).wires().size(), 8U);
}

TEST_F(InsertBatchTest, AsksAgainWhenNobodyKnows) {
  EXPECT_EQ(batch_.if_unreachable(), postgres::IfUnreachable::kFail);
  EXPECT_EQ(postgres::ReadInteger(batch_.MakeParameters(1).wires()[6]), 0);
  EXPECT_EQ(batch_.Take(FailedBy(Fate::kUnknown), kStart), Next::kTryAgain);
  EXPECT_EQ(batch_.if_unreachable(), postgres::IfUnreachable::kWait);
  // Says so: what it finds must then be safe on the standby, too.
  EXPECT_EQ(postgres::ReadInteger(batch_.MakeParameters(1).wires()[6]), 1);
  EXPECT_EQ(batch_.Take(InsertBatch::Ids{-1, -2}, kStart), Next::kDone);
  EXPECT_TRUE(insertions_[0].created);
}

TEST_F(InsertBatchTest, OnceInDoubtNothingButAnAnswerEndsTheDoubt) {
  EXPECT_EQ(batch_.Take(FailedBy(Fate::kUnknown), kStart), Next::kTryAgain);
  const auto told = batch_.Take(FailedBy(Fate::kRefused, ErrorCode::kStorageFull), kStart);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::kUnknown);
}

TEST_F(InsertBatchTest, GivesUpAtItsDeadline) {
  const auto told = batch_.Take(FailedBy(Fate::kUnknown), kOptions.deadline);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::kUnknown);
  EXPECT_EQ(batch_.TryDeadline(kStart), kStart + 5s);
  EXPECT_EQ(batch_.TryDeadline(kStart + 8s), kOptions.deadline);
}

TEST_F(InsertBatchTest, LargeContentsGetTheTimeThatTheirWayTakes) {
  EXPECT_FALSE(batch_.is_long());
  const std::string content(3 << 20, 'x');
  Insertion large = InsertionOf(content);
  Insertion* const pointer = &large;
  InsertBatch batch({&pointer, 1}, kOptions);
  EXPECT_TRUE(batch.is_long());
  EXPECT_EQ(batch.TryDeadline(kStart), kStart + 5s + 3s);
  EXPECT_EQ(batch.Take(FailedBy(Fate::kUnknown), kOptions.deadline), Next::kTryAgain);
  EXPECT_EQ(batch.TryDeadline(kOptions.deadline), kOptions.deadline + 6s);
  EXPECT_FALSE(batch.Take(FailedBy(Fate::kUnknown), kOptions.deadline + 6s));
}

TEST_F(InsertBatchTest, WhatLostARaceIsTriedAgainButNotForEver) {
  EXPECT_EQ(batch_.Take(FailedBy(Fate::kLostRace), kStart), Next::kTryAgain);
  EXPECT_EQ(batch_.Take(FailedBy(Fate::kLostRace), kStart), Next::kTryAgain);
  const auto told = batch_.Take(FailedBy(Fate::kLostRace), kStart);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::kUnavailable);
}

TEST_F(InsertBatchTest, WhatNeverLeftOrWasRefusedIsNotSaved) {
  EXPECT_EQ(batch_.Take(FailedBy(Fate::kNotSent), kStart).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(batch_.Take(FailedBy(Fate::kRefused, ErrorCode::kStorageFull), kStart).error().code,
            ErrorCode::kStorageFull);
}

TEST_F(InsertBatchTest, AWrongSettingIsNotTheContentsFault) {
  EXPECT_EQ(batch_.Take(FailedBy(Fate::kRefused, ErrorCode::kInvalidArgument), kStart).error().code,
            ErrorCode::kUnavailable);
}

TEST_F(InsertBatchTest, WhatAFailoverMayLoseIsNotCalledSaved) {
  const auto told = batch_.Take(FailedBy(Fate::kDoubtful, ErrorCode::kUnknown), kStart);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::kUnknown);
}

TEST_F(InsertBatchTest, AnAnswerThatLeavesOneOutIsNotBelieved) {
  EXPECT_EQ(batch_.Take(InsertBatch::Ids{-1, std::nullopt}, kStart).error().code,
            ErrorCode::kUnknown);
  EXPECT_EQ(batch_.Take(InsertBatch::Ids{-1}, kStart).error().code, ErrorCode::kUnknown);
}

}  // namespace
}  // namespace itemgate
