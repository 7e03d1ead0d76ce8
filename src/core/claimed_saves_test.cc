#include "core/claimed_saves.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/insertions.h"
#include "testing/manual_executor.h"
#include "testing/memory_claims.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;

/// A backend that holds what it is given until the test says how it ends. One thread.
class HeldBackend final : public ItemBackend {
 public:
  void SaveItem(const BackendItem&, SaveDone done) override {
    ++sent_count;
    held_.push_back(std::move(done));
  }
  void FindItemsWithContent(const ContentKey&, std::string_view, FindDone done) override {
    ++find_count;
    done(item_count);
  }
  void End(Result<void> result = {}) {
    if (result) ++item_count;
    SaveDone done = std::move(held_.back());
    held_.pop_back();
    done(std::move(result));
  }

  int sent_count = 0;
  int find_count = 0;
  std::uint64_t item_count = 0;

 private:
  std::vector<SaveDone> held_;
};

class ClaimedSavesTest : public testing::Test {
 protected:
  /// One server's save of the content.
  struct Saving {
    Insertion insertion = InsertionOf("content");
    std::optional<Result<void>> result;
  };

  /// Saves the first content, its claim in doubt, until the backend says that; gives the attempt.
  std::int64_t EndInDoubtOfItsClaim(Error answer) {
    claims_.LoseAnswerAfter(0);
    Save(one_, first_);
    executor_.Advance(1s);
    const std::int64_t attempt = claims_.StateOf(first_.insertion.key).holder.attempt;
    backend_.End(std::unexpected(std::move(answer)));
    return attempt;
  }
  void Save(ClaimedSaves& server, Saving& saving) {
    server.Save(saving.insertion,
                [&saving](Result<void> result) { saving.result = std::move(result); });
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
  MemoryClaims claims_;
  HeldBackend backend_;
  const ClaimedSaves::Parts parts_{
      .claims = claims_, .backend = backend_, .executor = executor_, .clock = clock_};
  ClaimedSaves one_{parts_, {.seed = 1, .lease = 10s}};
  ClaimedSaves other_{parts_, {.seed = 2, .lease = 10s}};
  Saving first_, second_;
};

TEST_F(ClaimedSavesTest, OneSendsItAndTheOtherGetsTheSameId) {
  Save(one_, first_);
  Save(other_, second_);
  executor_.Advance(5s);
  EXPECT_EQ(backend_.sent_count, 1);
  EXPECT_FALSE(second_.result);
  backend_.End();
  executor_.Advance(2s);
  ASSERT_TRUE(first_.result && *first_.result);
  EXPECT_TRUE(first_.insertion.created);
  ASSERT_TRUE(second_.result && *second_.result);
  EXPECT_FALSE(second_.insertion.created);
  EXPECT_EQ(second_.insertion.id, first_.insertion.id);
}

TEST_F(ClaimedSavesTest, AHolderThatMovesIsWaitedForHoweverLong) {
  Save(one_, first_);
  Save(other_, second_);
  for (int second = 0; second < 60; ++second) {
    claims_.Beat();
    executor_.Advance(1s);
  }
  EXPECT_EQ(claims_.StateOf(first_.insertion.key).holder.fence.epoch, 1);
  backend_.End();
  executor_.Advance(2s);
  EXPECT_TRUE(first_.insertion.created);
}

TEST_F(ClaimedSavesTest, WhoeverTakesOverLooksAndNeverSends) {
  Save(one_, first_);  // and then its server stands still
  Save(other_, second_);
  executor_.Advance(30s);
  ASSERT_TRUE(second_.result);
  EXPECT_EQ(second_.result->error().code, ErrorCode::kParked);
  EXPECT_EQ(backend_.sent_count, 1);
  EXPECT_EQ(claims_.StateOf(first_.insertion.key).kind, ClaimState::Kind::kParked);
  // The one that stood still comes back, and what it sent has landed.
  backend_.End();
  executor_.Advance(2s);
  ASSERT_TRUE(first_.result && *first_.result);
  EXPECT_EQ(claims_.item_count(), 1U);
  EXPECT_EQ(backend_.sent_count, 1);
}

TEST_F(ClaimedSavesTest, WhatTheBackendIsKnownToHaveIsConfirmedWithoutAnotherLook) {
  Save(one_, first_);  // and then its server stands still
  Save(other_, second_);
  executor_.Advance(30s);
  ASSERT_EQ(claims_.StateOf(first_.insertion.key).kind, ClaimState::Kind::kParked);
  const int looks = backend_.find_count;
  backend_.End();
  executor_.Advance(2s);
  ASSERT_TRUE(first_.result && *first_.result);
  EXPECT_EQ(backend_.find_count, looks);
}

TEST_F(ClaimedSavesTest, ARefusalIsNoCertaintyIfTheClaimWasTakenOverMeanwhile) {
  Save(one_, first_);  // and then its server stands still
  Save(other_, second_);
  executor_.Advance(30s);
  ASSERT_EQ(claims_.StateOf(first_.insertion.key).kind, ClaimState::Kind::kParked);
  backend_.End(Fail(ErrorCode::kFailed, "no"));
  ASSERT_TRUE(first_.result);
  EXPECT_EQ(first_.result->error().code,
            ErrorCode::kUnknown);  // whoever sends it again hears the same
}

TEST_F(ClaimedSavesTest, AHolderIsNotTakenForDeadForATimeInWhichNobodyLooked) {
  Save(one_, first_);
  Save(other_, second_);
  executor_.Advance(2s);
  claims_.FailNext(Error(ErrorCode::kUnknown, "no answer"));
  for (int i = 0; i < 12; ++i) claims_.FailNext(Error(ErrorCode::kUnavailable, "away"));
  executor_.Advance(15s);
  EXPECT_EQ(claims_.StateOf(first_.insertion.key).holder.fence.epoch, 1);
  executor_.Advance(12s);
  EXPECT_EQ(claims_.StateOf(first_.insertion.key).holder.fence.epoch, 2);
  backend_.End();
  executor_.Advance(2s);
  EXPECT_TRUE(first_.result && *first_.result);
}

TEST_F(ClaimedSavesTest, WhatADeadServerSentIsFoundAndConfirmed) {
  Save(one_, first_);
  backend_.item_count = 1;  // it landed, and its server died
  Save(other_, second_);
  executor_.Advance(30s);
  ASSERT_TRUE(second_.result && *second_.result);
  EXPECT_TRUE(second_.insertion.created);
  EXPECT_EQ(backend_.sent_count, 1);
  backend_.End();  // it only stood still
  executor_.Advance(2s);
  ASSERT_TRUE(first_.result && *first_.result);
  EXPECT_EQ(first_.insertion.id, second_.insertion.id);
  EXPECT_EQ(claims_.item_count(), 1U);
}

TEST_F(ClaimedSavesTest, AParkedContentIsSavedOnceTheBackendHasIt) {
  Save(one_, first_);
  backend_.End(Fail(ErrorCode::kUnknown, "no answer"));
  EXPECT_EQ(first_.result->error().code, ErrorCode::kUnknown);
  Save(other_, second_);
  EXPECT_EQ(second_.result->error().code, ErrorCode::kParked);
  backend_.item_count = 1;  // it took its time
  Saving again;
  Save(other_, again);
  ASSERT_TRUE(again.result && *again.result);
  EXPECT_TRUE(again.insertion.created);
  EXPECT_EQ(backend_.sent_count, 1);
}

TEST_F(ClaimedSavesTest, WhatAnOperatorSaysIsSavedBecomesAnItemWithoutAskingTheBackend) {
  Save(one_, first_);
  backend_.End(Fail(ErrorCode::kUnknown, "no answer"));
  claims_.ResolveAsSaved();
  Save(other_, second_);
  ASSERT_TRUE(second_.result && *second_.result);
  EXPECT_TRUE(second_.insertion.created);
  EXPECT_EQ(backend_.sent_count, 1);
  EXPECT_EQ(claims_.claim_count(), 0U);
}

TEST_F(ClaimedSavesTest, WhatTheBackendRefusedIsFreeAgain) {
  Save(one_, first_);
  backend_.End(Fail(ErrorCode::kFailed, "no"));
  EXPECT_EQ(first_.result->error().code, ErrorCode::kFailed);
  EXPECT_EQ(claims_.claim_count(), 0U);
  Save(other_, second_);
  EXPECT_EQ(backend_.sent_count, 2);
  backend_.End();
  EXPECT_TRUE(second_.insertion.created);
}

TEST_F(ClaimedSavesTest, AfterAFailoverNothingIsSentBeforeTheHorizon) {
  claims_.RaiseGeneration();
  Save(one_, first_);
  EXPECT_EQ(first_.result->error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(backend_.sent_count, 0);
  executor_.Advance(61s);
  Saving later{.insertion = InsertionOf("content")};  // nothing holds it
  Save(one_, later);
  EXPECT_EQ(backend_.sent_count, 1);
  backend_.End();
  EXPECT_TRUE(later.insertion.created);
}

TEST_F(ClaimedSavesTest, WhatWasBegunIsEndedHoweverOftenTheDatabaseIsAway) {
  claims_.FailNext(Error(ErrorCode::kUnknown, "no answer"));
  claims_.FailNext(Error(ErrorCode::kUnavailable, "away"));
  Save(one_, first_);
  executor_.Advance(1s);
  EXPECT_EQ(backend_.sent_count, 1);
  for (int i = 0; i < 5; ++i) claims_.FailNext(Error(ErrorCode::kUnavailable, "away"));
  backend_.End();
  executor_.Advance(10s);
  ASSERT_TRUE(first_.result && *first_.result);
  EXPECT_TRUE(first_.insertion.created);
}

TEST_F(ClaimedSavesTest, AClaimThatCameAfterItsAttemptHadEndedBlocksNobody) {
  claims_.ClaimLate(first_.insertion.key, 1, claims_.server());
  backend_.item_count = 1;
  Save(one_, first_);
  ASSERT_TRUE(first_.result && *first_.result);
  EXPECT_TRUE(first_.insertion.created);
  Saving second{.insertion = InsertionOf("another")};
  claims_.ClaimLate(second.insertion.key, 1, claims_.server());
  backend_.item_count = 0;
  Save(one_, second);
  EXPECT_EQ(second.result->error().code, ErrorCode::kParked);
  EXPECT_EQ(backend_.sent_count, 0);  // whoever takes over looks and never sends
}

TEST_F(ClaimedSavesTest, AClaimThatComesAfterItsReleaseIsTakenBack) {
  const ContentKey& key = first_.insertion.key;
  claims_.FailNext(Error(ErrorCode::kUnknown, "no answer"));
  Save(one_, first_);
  executor_.Advance(1s);
  const std::int64_t attempt = claims_.StateOf(key).holder.attempt;
  backend_.End(Fail(ErrorCode::kFailed, "refused"));
  ASSERT_TRUE(first_.result);
  EXPECT_EQ(claims_.claim_count(), 0U);
  claims_.ClaimLate(key, attempt, /*server=*/0);  // the try that was never answered
  Save(other_, second_);
  for (int second = 0; second < 5; ++second) {
    claims_.Beat();  // whoever holds it lives
    executor_.Advance(1s);
  }
  EXPECT_EQ(backend_.sent_count, 2);
  backend_.End();
  executor_.Advance(2s);
  ASSERT_TRUE(second_.result && *second_.result);
  EXPECT_TRUE(second_.insertion.created);
}

TEST_F(ClaimedSavesTest, AClaimThatComesBackAfterAReleaseInDoubtIsTakenBack) {
  const ContentKey& key = first_.insertion.key;
  Save(one_, first_);
  const std::int64_t attempt = claims_.StateOf(key).holder.attempt;
  claims_.LoseAnswerAfter(0);  // that of the release
  backend_.End(Fail(ErrorCode::kFailed, "refused"));
  executor_.Advance(1s);
  ASSERT_TRUE(first_.result);
  EXPECT_EQ(claims_.claim_count(), 0U);
  claims_.ClaimLate(key, attempt, /*server=*/0);  // a failover to where it was not yet released
  executor_.Advance(1s);
  EXPECT_EQ(claims_.claim_count(), 0U);
}

TEST_F(ClaimedSavesTest, AClaimOfItsOwnUnderWhichNothingWasSavedIsReleasedAsSoonAsItIsMet) {
  const ContentKey& key = first_.insertion.key;
  const std::int64_t attempt = EndInDoubtOfItsClaim(Error(ErrorCode::kFailed, "refused"));
  claims_.ClaimLate(key, attempt, claims_.server());
  claims_.LoseAnswerAfter(1);  // that of the release
  Save(one_, second_);
  executor_.Advance(50ms);
  ASSERT_EQ(backend_.sent_count, 2);
  backend_.End();
  ASSERT_TRUE(second_.result && *second_.result);
  EXPECT_TRUE(second_.insertion.created);
}

TEST_F(ClaimedSavesTest, AClaimOfItsOwnUnderWhichItWasSentIsNotReleased) {
  const ContentKey& key = first_.insertion.key;
  const std::int64_t attempt = EndInDoubtOfItsClaim(Error(ErrorCode::kUnknown, "no answer"));
  claims_.Forget();  // an operator removed what was parked
  claims_.ClaimLate(key, attempt, claims_.server());
  Save(one_, second_);
  ASSERT_TRUE(second_.result);
  EXPECT_EQ(second_.result->error().code, ErrorCode::kParked);
  EXPECT_EQ(claims_.StateOf(key).kind, ClaimState::Kind::kParked);
  EXPECT_EQ(backend_.sent_count, 1);
}

TEST_F(ClaimedSavesTest, WhatIsTakenBackLaterNeedsNoServiceAnyMore) {
  const ContentKey& key = first_.insertion.key;
  auto closing = std::make_unique<ClaimedSaves>(parts_, ClaimedSaves::Options{.seed = 3});
  claims_.FailNext(Error(ErrorCode::kUnknown, "no answer"));
  Save(*closing, first_);
  executor_.Advance(1s);
  const std::int64_t attempt = claims_.StateOf(key).holder.attempt;
  backend_.End(Fail(ErrorCode::kFailed, "refused"));
  closing.reset();
  claims_.ClaimLate(key, attempt, /*server=*/0);
  executor_.Advance(5s);
  EXPECT_EQ(claims_.claim_count(), 0U);
}

TEST_F(ClaimedSavesTest, ATakeOverThatIsRefusedIsTriedAgainAfterAPause) {
  Save(one_, first_);
  backend_.End(Fail(ErrorCode::kUnknown, "nobody knows"));
  ASSERT_EQ(claims_.StateOf(first_.insertion.key).kind, ClaimState::Kind::kParked);
  claims_.RefuseTakeOvers(true);
  Save(other_, second_);
  executor_.Advance(60s);
  EXPECT_LT(claims_.refused_count(), 80);  // once a second, in the end
  EXPECT_GT(claims_.refused_count(), 30);
  EXPECT_FALSE(second_.result);
  claims_.RefuseTakeOvers(false);
  executor_.Advance(2s);
  EXPECT_TRUE(second_.result);
}

TEST_F(ClaimedSavesTest, AStoreOfAnotherGenerationEndsASaveEvenInDoubt) {
  claims_.FailNext(Error(ErrorCode::kUnknown, "no answer"));
  Save(one_, first_);
  EXPECT_FALSE(first_.result);
  claims_.RefuseAll();
  executor_.Advance(1s);
  ASSERT_TRUE(first_.result);
  EXPECT_EQ(first_.result->error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(backend_.sent_count, 0);
}

TEST_F(ClaimedSavesTest, WhoMayClaimNothingAnyMoreEndsInDoubtAndTakesItsClaimBack) {
  claims_.LoseAnswerAfter(0);
  Save(one_, first_);
  EXPECT_EQ(claims_.claim_count(), 1U);
  for (int i = 0; i < 4; ++i) claims_.FailNext(Error(ErrorCode::kUnavailable, "away"));
  executor_.Advance(200ms);
  EXPECT_FALSE(first_.result);  // a database that is away for a while is waited for
  claims_.FailNext(Error(ErrorCode::kUnsupported, "newer tables"));
  executor_.Advance(50ms);
  ASSERT_TRUE(first_.result);
  EXPECT_EQ(first_.result->error().code, ErrorCode::kUnknown);
  EXPECT_EQ(first_.result->error().message, "newer tables");
  executor_.Advance(1s);
  EXPECT_EQ(claims_.claim_count(), 0U);
  EXPECT_EQ(backend_.sent_count, 0);
}

TEST_F(ClaimedSavesTest, WhoMayClaimNothingAnyMoreParksWhatItMayHaveTakenOver) {
  claims_.ClaimLate(first_.insertion.key, 1, claims_.server());
  claims_.LoseAnswerAfter(1);
  Save(one_, first_);
  EXPECT_EQ(claims_.StateOf(first_.insertion.key).holder.fence.epoch, 2);
  claims_.FailNext(Error(ErrorCode::kUnsupported, "newer tables"));
  executor_.Advance(50ms);
  ASSERT_TRUE(first_.result);
  EXPECT_EQ(first_.result->error().code, ErrorCode::kUnknown);
  executor_.Advance(1s);
  EXPECT_EQ(claims_.StateOf(first_.insertion.key).kind, ClaimState::Kind::kParked);
}

TEST_F(ClaimedSavesTest, WhoMayClaimNothingFromTheStartIsUnavailable) {
  claims_.FailNext(Error(ErrorCode::kUnsupported, "newer tables"));
  Save(one_, first_);
  ASSERT_TRUE(first_.result);
  EXPECT_EQ(first_.result->error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(executor_.waiting_count(), 0U);
}

TEST_F(ClaimedSavesTest, WhatWasSentBeforeTheStoreRefusedIsUnknown) {
  Save(one_, first_);
  claims_.Forget();
  claims_.RefuseAll();
  backend_.End();
  ASSERT_TRUE(first_.result);
  EXPECT_EQ(first_.result->error().code, ErrorCode::kUnknown);
}

class ClaimWakeTest : public ClaimedSavesTest {
 protected:
  /// Who looks again after a minute only.
  static ClaimedSaves::Options Rarely(std::uint64_t seed) {
    return {.seed = seed, .lease = 1h, .poll_min = 1min, .poll_max = 1min};
  }
  ClaimedSaves sender_{parts_, Rarely(3)};
  ClaimedSaves waiter_{parts_, Rarely(4)};
};

TEST_F(ClaimWakeTest, WhoWaitsIsAnsweredAsSoonAsTheItemIsThere) {
  Save(sender_, first_);
  Save(waiter_, second_);
  executor_.Advance(1s);
  EXPECT_FALSE(second_.result);
  backend_.End();
  executor_.RunUntilIdle();
  ASSERT_TRUE(second_.result && *second_.result);
  EXPECT_EQ(second_.insertion.id, first_.insertion.id);
  EXPECT_EQ(executor_.waiting_count(), 0U);  // the pause was taken back
}

TEST_F(ClaimWakeTest, WhoWaitsGoesOnAsSoonAsTheClaimIsReleasedOrParked) {
  Save(sender_, first_);
  Save(waiter_, second_);
  backend_.End(Fail(ErrorCode::kFailed, "no"));
  executor_.RunUntilIdle();
  EXPECT_EQ(backend_.sent_count, 2);
  Saving third;
  Save(sender_, third);
  backend_.End(Fail(ErrorCode::kUnknown, "no answer"));
  executor_.RunUntilIdle();
  ASSERT_TRUE(third.result);
  EXPECT_EQ(third.result->error().code, ErrorCode::kParked);
}

TEST_F(ClaimWakeTest, WithoutHintsWhoWaitsLooksAgainAfterItsPause) {
  claims_.LoseHints();
  Save(sender_, first_);
  Save(waiter_, second_);
  backend_.End();
  executor_.Advance(59s);
  EXPECT_FALSE(second_.result);
  executor_.Advance(1s);
  EXPECT_TRUE(second_.result);
}

TEST_F(ClaimWakeTest, AHintForNothingMakesNobodyGiveUp) {
  Save(sender_, first_);
  Save(waiter_, second_);
  for (int i = 0; i < 3; ++i) {
    claims_.Hint();
    executor_.RunUntilIdle();
    EXPECT_FALSE(second_.result);
  }
  backend_.End();
  executor_.RunUntilIdle();
  EXPECT_TRUE(second_.result);
}

TEST_F(ClaimedSavesTest, ADatabaseThatIsAwayIsSaidToBe) {
  claims_.FailNext(Error(ErrorCode::kUnavailable, "away"));
  Save(one_, first_);
  EXPECT_EQ(first_.result->error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(backend_.sent_count, 0);
}

}  // namespace
}  // namespace itemgate
