#include "index/in_flight_table.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

using Entered = InFlightTable::Entered;
using IfTaken = InFlightTable::IfTaken;

ContentKey KeyOf(std::uint8_t number) {
  ContentKey key{.length = 1};
  key.digest.bytes[0] = number;
  return key;
}

class InFlightTableTest : public testing::Test {
 protected:
  Entered Enter(InFlightEntry& entry, std::uint8_t number) {
    entry.key = KeyOf(number);
    return table_.Enter(entry, IfTaken::kJoin);
  }
  std::vector<InFlightEntry*> Finish(InFlightEntry& owner) {
    std::vector<InFlightEntry*> joined;
    table_.Finish(owner, [&](InFlightEntry& entry) { joined.push_back(&entry); });
    return joined;
  }

  InFlightTable table_{1};
  InFlightEntry a_, b_, c_, d_;
};

TEST_F(InFlightTableTest, TheFirstOwnsAndTheOthersJoinInOrder) {
  EXPECT_EQ(Enter(a_, 1), Entered::kOwner);
  EXPECT_EQ(Enter(b_, 1), Entered::kJoined);
  EXPECT_EQ(Enter(c_, 1), Entered::kJoined);
  EXPECT_EQ(table_.size(), 1U);
  EXPECT_EQ(Finish(a_), (std::vector{&b_, &c_}));
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(InFlightTableTest, DifferentKeysDoNotMeet) {
  EXPECT_EQ(Enter(a_, 1), Entered::kOwner);
  EXPECT_EQ(Enter(b_, 2), Entered::kOwner);
  EXPECT_EQ(table_.size(), 2U);
  EXPECT_TRUE(Finish(a_).empty());
  EXPECT_TRUE(Finish(b_).empty());
}

TEST_F(InFlightTableTest, AnEntryThatDoesNotWantToJoinStaysOut) {
  EXPECT_EQ(Enter(a_, 1), Entered::kOwner);
  b_.key = KeyOf(1);
  EXPECT_EQ(table_.Enter(b_, IfTaken::kLeave), Entered::kTaken);
  EXPECT_TRUE(Finish(a_).empty());
}

TEST_F(InFlightTableTest, AKeyIsFreeAgainBeforeTheJoinedAreTold) {
  EXPECT_EQ(Enter(a_, 1), Entered::kOwner);
  EXPECT_EQ(Enter(b_, 1), Entered::kJoined);
  table_.Finish(a_, [&](InFlightEntry&) { EXPECT_EQ(Enter(c_, 1), Entered::kOwner); });
  EXPECT_TRUE(Finish(c_).empty());
}

TEST_F(InFlightTableTest, AFailedOwnerHandsOverToTheNextWithAllTheOthers) {
  EXPECT_EQ(Enter(a_, 1), Entered::kOwner);
  EXPECT_EQ(Enter(b_, 1), Entered::kJoined);
  EXPECT_EQ(Enter(c_, 1), Entered::kJoined);
  EXPECT_EQ(table_.PromoteNext(a_), &b_);
  EXPECT_FALSE(table_.Quit(b_));  // it owns the key now
  EXPECT_EQ(Enter(d_, 1), Entered::kJoined);
  EXPECT_EQ(Finish(b_), (std::vector{&c_, &d_}));
}

TEST_F(InFlightTableTest, PromotingWithNobodyThereFreesTheKey) {
  EXPECT_EQ(Enter(a_, 1), Entered::kOwner);
  EXPECT_EQ(table_.PromoteNext(a_), nullptr);
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(InFlightTableTest, AJoinedEntryCanQuitFromAnyPlaceInTheLine) {
  EXPECT_EQ(Enter(a_, 1), Entered::kOwner);
  EXPECT_EQ(Enter(b_, 1), Entered::kJoined);
  EXPECT_EQ(Enter(c_, 1), Entered::kJoined);
  EXPECT_EQ(Enter(d_, 1), Entered::kJoined);
  EXPECT_TRUE(table_.Quit(c_));
  EXPECT_FALSE(table_.Quit(c_));
  EXPECT_TRUE(table_.Quit(d_));
  EXPECT_EQ(Enter(d_, 1), Entered::kJoined);
  EXPECT_TRUE(table_.Quit(b_));
  EXPECT_EQ(Finish(a_), (std::vector{&d_}));
  EXPECT_FALSE(table_.Quit(d_));
}

TEST_F(InFlightTableTest, EveryEntryIsHandedBackExactlyOnceUnderConcurrentUse) {
  constexpr int kRounds = 20'000;
  std::atomic<int> handed_back = 0;
  std::atomic<int> owned = 0;
  std::atomic<int> joined = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kRounds; ++i) {
          auto entry = std::make_unique<InFlightEntry>();
          if (Enter(*entry, static_cast<std::uint8_t>(i % 3)) == Entered::kJoined) {
            ++joined;
            entry.release();  // freed by the owner below
            continue;
          }
          ++owned;
          table_.Finish(*entry, [&](InFlightEntry& other) {
            ++handed_back;
            std::unique_ptr<InFlightEntry> ends(&other);
          });
        }
      });
    }
  }
  EXPECT_EQ(owned + joined, 4 * kRounds);
  EXPECT_EQ(handed_back, joined);
  EXPECT_EQ(table_.size(), 0U);
}

}  // namespace
}  // namespace itemgate
