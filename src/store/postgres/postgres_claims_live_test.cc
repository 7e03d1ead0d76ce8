#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "postgres/session.h"
#include "store/postgres/postgres_claims.h"
#include "testing/eventually.h"
#include "testing/insertions.h"
#include "testing/live_database.h"

namespace itemgate {
namespace {

using Kind = ClaimState::Kind;

/// Asks and waits.
template <typename Call>
ClaimState Asked(Call call) {
  std::promise<Result<ClaimState>> told;
  call([&told](Result<ClaimState> state) { told.set_value(std::move(state)); });
  const Result<ClaimState> state = told.get_future().get();
  EXPECT_TRUE(state) << state.error().message;
  return state.value_or(ClaimState{});
}

class PostgresClaimsLiveTest : public testing::Test {
 protected:
  ClaimState Claim(PostgresStore& store, std::int64_t attempt) {
    return Asked([&](auto done) { store.claims().Claim(key_, attempt, std::move(done)); });
  }
  ClaimState TakeOver(PostgresStore& store, const ClaimHolder& seen, std::int64_t attempt) {
    return Asked([&](auto done) { store.claims().TakeOver(key_, seen, attempt, std::move(done)); });
  }
  ClaimState Confirm(PostgresStore& store, const ClaimHolder& mine) {
    return Asked([&](auto done) {
      store.claims().Confirm(key_, mine, "content", "text/plain", std::move(done));
    });
  }

  const std::string url_ = NewMigratedDatabase();
  SystemClock clock_;
  const std::unique_ptr<PostgresStore> one_ = OpenStore(clock_, url_, 1);
  const std::unique_ptr<PostgresStore> other_ = OpenStore(clock_, url_, 2);
  const ContentKey key_ = InsertionOf("content").key;
};

TEST_F(PostgresClaimsLiveTest, OneHasItAndTheOtherSeesWho) {
  const ClaimState mine = Claim(*one_, 11);
  EXPECT_EQ(mine.kind, Kind::kMine);
  EXPECT_EQ(mine.holder.fence, (Fence{.generation = 1, .epoch = 1}));
  const ClaimState held = Claim(*other_, 22);
  EXPECT_EQ(held.kind, Kind::kHeld);
  EXPECT_EQ(held.holder.attempt, 11);
  EXPECT_EQ(Claim(*one_, 11).kind, Kind::kMine);  // whoever lost the answer asks again
}

TEST_F(PostgresClaimsLiveTest, AConfirmedClaimIsAnItemForEverybody) {
  const ClaimState mine = Claim(*one_, 11);
  const ClaimState saved = Confirm(*one_, mine.holder);
  EXPECT_EQ(saved.kind, Kind::kSaved);
  EXPECT_TRUE(saved.created);
  EXPECT_EQ(saved.id, ItemId{1});
  const ClaimState again = Confirm(*one_, mine.holder);  // the answer was lost
  EXPECT_TRUE(again.created);
  EXPECT_EQ(again.id, ItemId{1});
  const ClaimState seen = Claim(*other_, 22);
  EXPECT_EQ(seen.kind, Kind::kSaved);
  EXPECT_FALSE(seen.created);
  EXPECT_EQ(other_->Get(ItemId{1})->content, "content");
  EXPECT_EQ(InsertOne(*other_, "content").id, ItemId{1});
  EXPECT_EQ(Server().Query(DatabaseOf(url_), "SELECT count(*) FROM itemgate.claim"), "0");
}

TEST_F(PostgresClaimsLiveTest, AStaleHolderChangesNothing) {
  const ClaimHolder stale = Claim(*one_, 11).holder;
  const ClaimState taken = TakeOver(*other_, stale, 22);
  EXPECT_EQ(taken.kind, Kind::kMine);
  EXPECT_GT(taken.holder.fence, stale.fence);
  EXPECT_EQ(TakeOver(*one_, stale, 33).kind, Kind::kHeld);  // somebody was quicker
  EXPECT_EQ(Confirm(*one_, stale).kind, Kind::kHeld);
  EXPECT_EQ(Asked([&](auto done) { one_->claims().Release(key_, stale, std::move(done)); }).kind,
            Kind::kHeld);
  EXPECT_EQ(Asked([&](auto done) { one_->claims().Park(key_, stale, std::move(done)); }).kind,
            Kind::kHeld);
  EXPECT_TRUE(Confirm(*other_, taken.holder).created);
  const ClaimState late = Confirm(*one_, stale);
  EXPECT_EQ(late.kind, Kind::kSaved);
  EXPECT_FALSE(late.created);
}

TEST_F(PostgresClaimsLiveTest, AClaimAfterAFailoverIsLaterThanAllBefore) {
  const ClaimHolder before = Claim(*one_, 11).holder;
  const std::string database = DatabaseOf(url_);
  Server().Query(database, "DELETE FROM itemgate.claim; UPDATE itemgate.store SET generation = 2");
  const auto fresh = OpenStore(clock_, url_, 3);
  const ClaimState after = Claim(*fresh, 33);
  EXPECT_EQ(after.kind, Kind::kMine);
  EXPECT_GT(after.holder.fence, before.fence);
  EXPECT_EQ(Confirm(*one_, before).kind, Kind::kHeld);
}

TEST_F(PostgresClaimsLiveTest, AServerOfAnEarlierGenerationClaimsNothingAndKeepsNothing) {
  const std::string database = DatabaseOf(url_);
  EXPECT_EQ(Claim(*one_, 11).kind, Kind::kMine);
  Server().Query(database, "UPDATE itemgate.store SET generation = 2");
  EXPECT_EQ(Claim(*one_, 11).kind, Kind::kRefused);  // whoever lost the answer asks again
  EXPECT_FALSE(one_->Statistics().accepts_items);
  EXPECT_EQ(Claim(*other_, 22).kind, Kind::kRefused);
  EXPECT_EQ(Server().Query(database, "SELECT count(*) FROM itemgate.claim"), "0");
  const ClaimHolder fresh = Claim(*OpenStore(clock_, url_, 3), 33).holder;
  EXPECT_EQ(TakeOver(*one_, fresh, 44).kind, Kind::kRefused);
  EXPECT_EQ(Server().Query(database, "SELECT attempt, epoch FROM itemgate.claim"), "33|1");
}

TEST_F(PostgresClaimsLiveTest, AClaimThatWasTakenOverUnderAnEarlierGenerationIsParked) {
  const ClaimHolder first = Claim(*one_, 11).holder;
  EXPECT_EQ(TakeOver(*other_, first, 22).kind, Kind::kMine);
  Server().Query(DatabaseOf(url_), "UPDATE itemgate.store SET generation = 2");
  EXPECT_EQ(Claim(*other_, 22).kind, Kind::kRefused);
  EXPECT_EQ(Claim(*OpenStore(clock_, url_, 3), 33).kind, Kind::kParked);
}

TEST_F(PostgresClaimsLiveTest, AskingAgainWritesSoThatItWaitsForTheStandby) {
  const auto writer = [this] {
    return Server().Query(DatabaseOf(url_), "SELECT xmin FROM itemgate.claim");
  };
  const ClaimHolder first = Claim(*one_, 11).holder;
  const std::string claimed = writer();
  EXPECT_EQ(Claim(*one_, 11).kind, Kind::kMine);
  EXPECT_NE(writer(), claimed);
  EXPECT_EQ(TakeOver(*other_, first, 22).kind, Kind::kMine);
  const std::string taken = writer();
  EXPECT_EQ(TakeOver(*other_, first, 22).kind, Kind::kMine);
  EXPECT_NE(writer(), taken);
}

TEST_F(PostgresClaimsLiveTest, WhoseTablesBecameNewerMayClaimNothingAndReleaseWhatItHas) {
  const ClaimHolder mine = Claim(*one_, 11).holder;
  EXPECT_EQ(mine.fence, one_->claims().FirstHolder(11).fence);
  EXPECT_EQ(mine.server, one_->claims().FirstHolder(11).server);
  Server().Query(DatabaseOf(url_), "INSERT INTO itemgate.migration (version) VALUES (1000)");
  Result<ClaimState> state;
  ASSERT_TRUE(Eventually([&] {
    std::promise<Result<ClaimState>> told;
    one_->claims().Claim(key_, 11, [&](Result<ClaimState> answer) { told.set_value(answer); });
    state = told.get_future().get();
    return !state;
  }));
  EXPECT_EQ(state.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(Asked([&](auto done) { one_->claims().Release(key_, mine, std::move(done)); }).kind,
            Kind::kNobody);
}

TEST_F(PostgresClaimsLiveTest, AnEarlierTryInDoubtIsNotForgotten) {
  auto store = PostgresStore::Open(clock_, {.url = url_, .timeout = std::chrono::seconds(1)});
  ASSERT_TRUE(store) << store.error().message;
  Server().Pause();
  std::promise<Result<ClaimState>> told;
  (*store)->claims().Claim(key_, 11, [&](Result<ClaimState> state) { told.set_value(state); });
  const Result<ClaimState> state = told.get_future().get();
  Server().Resume();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kUnknown);
}

TEST_F(PostgresClaimsLiveTest, WhatWasAskedTwiceMayComeAgain) {
  auto in_the_way = postgres::Session::Open(url_, std::chrono::seconds(5));
  ASSERT_TRUE(in_the_way->Run("BEGIN; LOCK TABLE itemgate.claim"));
  std::promise<Result<ClaimState>> told;
  one_->claims().Claim(key_, 11, [&](Result<ClaimState> state) { told.set_value(state); });
  const std::string end_who_waits =
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = "
      "'Lock' AND query LIKE '%itemgate.claim(%'";
  ASSERT_TRUE(Eventually([&] { return Server().Query(DatabaseOf(url_), end_who_waits) == "1"; }));
  ASSERT_TRUE(in_the_way->Run("COMMIT"));
  const Result<ClaimState> state = told.get_future().get();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->kind, Kind::kMine);
  EXPECT_TRUE(state->may_come_again);
  EXPECT_FALSE(Claim(*one_, 11).may_come_again);
}

TEST_F(PostgresClaimsLiveTest, AReleasedClaimIsFreeAndAParkedOneIsNobodys) {
  const ClaimHolder first = Claim(*one_, 11).holder;
  EXPECT_EQ(Asked([&](auto done) { one_->claims().Release(key_, first, std::move(done)); }).kind,
            Kind::kNobody);
  const ClaimHolder second = Claim(*other_, 22).holder;
  EXPECT_EQ(Asked([&](auto done) { other_->claims().Park(key_, second, std::move(done)); }).kind,
            Kind::kParked);
  EXPECT_EQ(Claim(*one_, 33).kind, Kind::kParked);
  const ClaimState looker = TakeOver(*one_, second, 33);
  EXPECT_EQ(looker.kind, Kind::kParked);
  EXPECT_EQ(looker.holder.attempt, 33);
  EXPECT_EQ(Confirm(*other_, second).kind, Kind::kParked);
  EXPECT_TRUE(Confirm(*one_, looker.holder).created);  // it was found in the backend after all
}

TEST_F(PostgresClaimsLiveTest, TheHeartbeatMovesWhileTheServerLives) {
  ClaimHolder seen = Claim(*one_, 11).holder;
  for (int moves = 0; moves < 3;) {
    const ClaimHolder now = Claim(*other_, 22).holder;
    if (now.heartbeat != seen.heartbeat) ++moves;
    EXPECT_EQ(now.attempt, 11);
    seen = now;
  }
}

TEST_F(PostgresClaimsLiveTest, OfManyWhoRaceOneMakesTheItem) {
  constexpr int kRounds = 40;
  for (int round = 0; round < kRounds; ++round) {
    const ContentKey key = InsertionOf("round " + std::to_string(round)).key;
    std::atomic<int> granted = 0;
    {
      std::vector<std::jthread> threads;
      for (int racer = 1; racer <= 4; ++racer) {
        threads.emplace_back([&, racer] {
          PostgresStore& store = racer % 2 == 0 ? *one_ : *other_;
          const auto claim = [&](auto done) {
            store.claims().Claim(key, round * 10 + racer, std::move(done));
          };
          // Until it is saved: whoever gets the claim makes the item at once, so that others claim while it ends.
          for (ClaimState state = Asked(claim); state.kind != Kind::kSaved; state = Asked(claim)) {
            if (state.kind != Kind::kMine) continue;
            ++granted;
            Asked([&](auto done) {
              store.claims().Confirm(key, state.holder, "x", "", std::move(done));
            });
          }
        });
      }
    }
    EXPECT_EQ(granted, 1);
  }
  EXPECT_EQ(Server().Query(DatabaseOf(url_), "SELECT max(id), count(*) FROM itemgate.item"),
            "40|40");
}

}  // namespace
}  // namespace itemgate
