#include "lock/redlock/timer_wheel.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "base/random.h"

namespace itemgate::redlock {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Instant kStart{std::chrono::hours(5)};

TEST(TimerWheel, AnEmptyOneHasNothingToLookAt) {
  TimerWheel wheel;
  EXPECT_FALSE(wheel.NextLook());
  EXPECT_TRUE(wheel.TakeDue(kStart).empty());
}

TEST(TimerWheel, IsExactWithinAMillisecondAndNeverEarly) {
  TimerWheel wheel;
  WheelEntry entry;
  wheel.Add(entry, kStart + microseconds(1500));
  EXPECT_TRUE(wheel.TakeDue(kStart + microseconds(1499)).empty());
  EXPECT_EQ(wheel.NextLook(), kStart + microseconds(1500));
  EXPECT_EQ(wheel.TakeDue(kStart + microseconds(1500)).size(), 1U);
  EXPECT_TRUE(wheel.TakeDue(kStart + seconds(1)).empty());
}

TEST(TimerWheel, WhatWasDueBeforeTheLastLookIsNotMissed) {
  TimerWheel wheel;
  WheelEntry entry;
  EXPECT_TRUE(wheel.TakeDue(kStart).empty());
  wheel.Add(entry, kStart - milliseconds(5));
  EXPECT_LE(wheel.NextLook(), kStart);
  EXPECT_EQ(wheel.TakeDue(kStart).size(), 1U);
}

TEST(TimerWheel, MovedAndRemoved) {
  TimerWheel wheel;
  WheelEntry moved;
  WheelEntry removed;
  wheel.Add(moved, kStart + milliseconds(1));
  wheel.Add(removed, kStart + milliseconds(1));
  wheel.Add(moved, kStart + milliseconds(5));
  wheel.Remove(removed);
  wheel.Remove(removed);
  EXPECT_TRUE(wheel.TakeDue(kStart + milliseconds(4)).empty());
  EXPECT_EQ(wheel.TakeDue(kStart + milliseconds(5)), std::vector<WheelEntry*>{&moved});
}

// Far beyond one lap of the wheel: nothing early, nothing forgotten, and who sleeps until NextLook is not late.
TEST(TimerWheel, AgainstASortedMap) {
  Random random(7);
  TimerWheel wheel;
  std::vector<WheelEntry> entries(200);
  std::multimap<Instant, WheelEntry*> expected;
  Instant now = kStart;
  const auto forget = [&](WheelEntry* entry) {
    std::erase_if(expected, [&](const auto& one) { return one.second == entry; });
  };
  for (int step = 0; step < 20'000; ++step) {
    WheelEntry& entry = entries[random.Below(entries.size())];
    forget(&entry);
    if (random.Below(4) == 0) {
      wheel.Remove(entry);
    } else {
      const Instant due =
          now + microseconds(random.Below(random.Below(2) == 0 ? 20'000 : 20'000'000));
      wheel.Add(entry, due);
      expected.emplace(due, &entry);
    }
    const auto look = wheel.NextLook();
    ASSERT_EQ(look.has_value(), !expected.empty());
    if (look) {
      ASSERT_LE(*look, expected.begin()->first + milliseconds(1));
    }
    if (random.Below(3) == 0 && look) now = std::max(now, *look);
    for (WheelEntry* due : wheel.TakeDue(now)) {
      ASSERT_LE(due->due, now);
      forget(due);
    }
    ASSERT_TRUE(expected.empty() || expected.begin()->first > now);
  }
}

}  // namespace
}  // namespace itemgate::redlock
