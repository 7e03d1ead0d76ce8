#include "store/postgres/member_watch.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

using namespace std::chrono_literals;

class MemberWatchTest : public testing::Test {
 protected:
  /// One look, a second after the last.
  void Saw(std::vector<MemberWatch::Row> rows, Duration later = 1s) {
    now_ += later;
    watch_.Saw(std::move(rows), owners_, now_);
  }
  [[nodiscard]] Member Only() const {
    const auto members = watch_.Members(now_);
    EXPECT_EQ(members.size(), 1U);
    return members.at(0);
  }

  std::vector<MemberWatch::Owner> owners_;  // as every look shows them
  Instant now_{1h};
  MemberWatch watch_{{.gap_max = 2s, .gone_after = 5s, .forget_after = 60s}};
};

TEST_F(MemberWatchTest, WhoeverMovesIsThere) {
  for (int heartbeat = 0; heartbeat < 20; ++heartbeat) {
    Saw({{.id = 1, .heartbeat = heartbeat}});
    EXPECT_EQ(Only().heartbeat_age, 0s);
    EXPECT_FALSE(Only().is_gone);
  }
}

TEST_F(MemberWatchTest, WhoeverDoesNotMoveIsGoneAndForgottenMuchLater) {
  Saw({{.id = 1, .heartbeat = 7}});
  for (int look = 0; look < 4; ++look) Saw({{.id = 1, .heartbeat = 7}});
  EXPECT_EQ(Only().heartbeat_age, 4s);
  EXPECT_FALSE(Only().is_gone);
  Saw({{.id = 1, .heartbeat = 7}});
  EXPECT_TRUE(Only().is_gone);
  EXPECT_TRUE(watch_.LongDead().empty());
  for (int look = 0; look < 55; ++look) Saw({{.id = 1, .heartbeat = 7}});
  ASSERT_EQ(watch_.LongDead().size(), 1U);
  EXPECT_EQ(watch_.LongDead().front().id, 1);
  EXPECT_EQ(watch_.LongDead().front().heartbeat, 7);
}

TEST_F(MemberWatchTest, WhoeverMovesAgainIsThereAgain) {
  for (int look = 0; look < 10; ++look) Saw({{.id = 1, .heartbeat = 7}});
  EXPECT_TRUE(Only().is_gone);
  Saw({{.id = 1, .heartbeat = 0}});  // removed by somebody, and back: any other number will do
  EXPECT_FALSE(Only().is_gone);
}

TEST_F(MemberWatchTest, ATimeWithoutLooksSaysNothingAboutAnybody) {
  Saw({{.id = 1, .heartbeat = 7}});
  Saw({{.id = 1, .heartbeat = 7}}, 1h);  // the database was away
  EXPECT_EQ(Only().heartbeat_age, 2s);
  EXPECT_FALSE(Only().is_gone);
  now_ += 1h;
  EXPECT_EQ(Only().heartbeat_age, 4s);
  EXPECT_EQ(watch_.watched(), 2s);
}

TEST_F(MemberWatchTest, WhoeverLeftIsNotSeenAnyMore) {
  Saw({{.id = 1, .heartbeat = 7}, {.id = 2, .heartbeat = 1}});
  Saw({{.id = 2, .heartbeat = 2}});
  EXPECT_EQ(watch_.Members(now_).size(), 1U);
}

TEST_F(MemberWatchTest, ClaimsOfWhoeverIsGoneAreOrphaned) {
  owners_ = {{.id = 1, .claims = 3}, {.id = 2, .claims = 10}};
  for (int look = 0; look < 5; ++look)
    Saw({{.id = 1, .heartbeat = 7}, {.id = 2, .heartbeat = look}});
  EXPECT_EQ(watch_.OrphanedClaims(now_), 0U);
  Saw({{.id = 1, .heartbeat = 7}, {.id = 2, .heartbeat = 5}});
  EXPECT_EQ(watch_.OrphanedClaims(now_), 3U);
  Saw({{.id = 1, .heartbeat = 8}, {.id = 2, .heartbeat = 6}});  // it only stood still
  EXPECT_EQ(watch_.OrphanedClaims(now_), 0U);
}

TEST_F(MemberWatchTest, ClaimsAreLiveOfWhoeverWasSeenToMove) {
  owners_ = {{.id = 1, .claims = 3}, {.id = 2, .claims = 10}};
  Saw({{.id = 1, .heartbeat = 7}, {.id = 2, .heartbeat = 0}});
  EXPECT_EQ(watch_.LiveClaims(now_), 0U) << "both may be dead";
  Saw({{.id = 1, .heartbeat = 7}, {.id = 2, .heartbeat = 1}});
  EXPECT_EQ(watch_.LiveClaims(now_), 10U);
  for (int look = 0; look < 5; ++look) Saw({{.id = 1, .heartbeat = 7}, {.id = 2, .heartbeat = 1}});
  EXPECT_EQ(watch_.LiveClaims(now_), 0U);
}

TEST_F(MemberWatchTest, ClaimsStayOrphanedWhenTheRowOfTheirServerIsRemoved) {
  owners_ = {{.id = 1, .claims = 3}};
  for (int look = 0; look < 6; ++look) Saw({{.id = 1, .heartbeat = 7}});
  for (int look = 0; look < 70; ++look) {
    Saw({});
    EXPECT_EQ(watch_.OrphanedClaims(now_), 3U);
  }
  EXPECT_TRUE(watch_.Members(now_).empty());
  EXPECT_TRUE(watch_.LongDead().empty()) << "there is nothing to remove";
  owners_.clear();  // their contents came again
  Saw({});
  EXPECT_EQ(watch_.OrphanedClaims(now_), 0U);
}

TEST_F(MemberWatchTest, AClaimThatIsOlderThanTheFirstHeartbeatIsNotOrphanedByThat) {
  owners_ = {{.id = 1, .claims = 1}};
  for (int look = 0; look < 4; ++look) {
    Saw({});
    EXPECT_EQ(watch_.OrphanedClaims(now_), 0U);
  }
  Saw({{.id = 1, .heartbeat = 0}});
  now_ += 2s;
  EXPECT_EQ(watch_.OrphanedClaims(now_), 0U);
}

}  // namespace
}  // namespace itemgate
