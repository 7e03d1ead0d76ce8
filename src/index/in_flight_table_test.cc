#include "index/in_flight_table.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"

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

  InFlightTable table_{1, 1'000'000};  // nobody is one too many
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

TEST(InFlightTable, NoMoreJoinOneOwnerThanMay) {
  InFlightTable table(1, 3);
  std::array<InFlightEntry, 6> of_one;
  for (InFlightEntry& entry : of_one) entry.key = KeyOf(1);
  auto& [a, b, c, d, e, f] = of_one;
  InFlightEntry of_another;
  of_another.key = KeyOf(2);
  EXPECT_EQ(table.Enter(a, IfTaken::kJoin), Entered::kOwner);
  for (InFlightEntry* entry : {&b, &c, &d})
    EXPECT_EQ(table.Enter(*entry, IfTaken::kJoin), Entered::kJoined);
  EXPECT_EQ(table.Enter(e, IfTaken::kJoin), Entered::kTaken);
  EXPECT_EQ(table.Join(e), Entered::kTaken);
  EXPECT_EQ(table.Enter(of_another, IfTaken::kJoin), Entered::kOwner);
  // Whoever leaves, or owns the key itself by now, has made room.
  EXPECT_TRUE(table.Quit(c));
  EXPECT_EQ(table.Join(e), Entered::kJoined);
  EXPECT_EQ(table.PromoteNext(a), &b);
  EXPECT_EQ(table.Enter(c, IfTaken::kJoin), Entered::kJoined);
  EXPECT_EQ(table.Enter(f, IfTaken::kJoin), Entered::kTaken);
  std::vector<InFlightEntry*> joined;
  table.Finish(b, [&](InFlightEntry& entry) { joined.push_back(&entry); });
  EXPECT_EQ(joined, (std::vector{&d, &e, &c}));
  table.Finish(of_another, [](InFlightEntry&) {});
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

/// Keys that belong to that one of the table's 64 parts if it has that seed.
std::vector<InFlightEntry> EntriesForPart(std::uint64_t part, std::uint64_t seed) {
  std::vector<InFlightEntry> entries;
  ContentKey key{.length = 1};
  for (std::uint64_t i = 1; entries.size() < 32; ++i) {
    StoreLittle(key.digest.bytes.data(), i * 0x9E3779B97F4A7C15u);
    if (ContentKeyHash{seed}(key) >> 58 == part) entries.emplace_back().key = key;
  }
  return entries;
}

/// True if a table with that seed has all of `first` before any of `second`.
bool HasThemApart(std::vector<InFlightEntry>& first, std::vector<InFlightEntry>& second,
                  std::uint64_t seed) {
  InFlightTable table(seed, 1000);
  for (auto* const entries : {&second, &first}) {
    for (InFlightEntry& entry : *entries)
      EXPECT_EQ(table.Enter(entry, IfTaken::kJoin), Entered::kOwner);
  }
  std::vector<bool> is_second;
  table.VisitOwners([&](const InFlightEntry& owner, std::size_t) {
    is_second.push_back(std::ranges::any_of(
        second, [&owner](const InFlightEntry& entry) { return &entry == &owner; }));
  });
  for (auto* const entries : {&first, &second}) {
    for (InFlightEntry& entry : *entries) table.Finish(entry, [](InFlightEntry&) {});
  }
  return std::ranges::is_sorted(is_second);
}

// Whoever crafts contents for one part, so that they wait for one lock, needs the process's seed.
TEST(InFlightTable, KeysThatMeetUnderOneSeedSpreadUnderAnother) {
  std::vector<InFlightEntry> first = EntriesForPart(0, 7);
  std::vector<InFlightEntry> last = EntriesForPart(63, 7);
  EXPECT_TRUE(HasThemApart(first, last, 7));
  for (const std::uint64_t other : {0ULL, 8ULL, 0x5851F42D4C957F2DULL})
    EXPECT_FALSE(HasThemApart(first, last, other)) << other;
}

}  // namespace
}  // namespace itemgate
