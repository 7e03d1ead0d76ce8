#include "load/recovery.h"

#include <vector>

#include <gtest/gtest.h>

namespace itemgate::load {
namespace {

using namespace std::chrono_literals;

constexpr Stretch kGood{.succeeded = 100};
constexpr Stretch kSlow{.succeeded = 50};
constexpr Stretch kFailing{.succeeded = 100, .failed = 20};

TEST(RecoveryTime, IsNothingIfTheServerWasNeverInTrouble) {
  const std::vector<Stretch> stretches(20, kGood);
  EXPECT_EQ(RecoveryTime(stretches, 100ms, 1000), 0s);
}

TEST(RecoveryTime, EndsWithTheFirstGoodSecond) {
  std::vector<Stretch> stretches(40, kGood);
  for (std::size_t i = 0; i < 7; ++i) stretches[i] = i < 3 ? kSlow : kFailing;
  stretches[10] = kFailing;  // in the second after it, of which it spoils the whole
  EXPECT_EQ(RecoveryTime(stretches, 100ms, 1000), 1100ms);
}

TEST(RecoveryTime, IsUnknownForAServerThatStaysSlow) {
  EXPECT_EQ(RecoveryTime(std::vector<Stretch>(40, kSlow), 100ms, 1000), std::nullopt);
  EXPECT_EQ(RecoveryTime(std::vector<Stretch>(9, kGood), 100ms, 1000), std::nullopt);  // too short
}

TEST(RecoveryTime, LongStretchesAreSeenAsTheyAre) {
  const std::vector<Stretch> stretches = {{.succeeded = 1000}, {.succeeded = 2000}};
  EXPECT_EQ(RecoveryTime(stretches, 2s, 1000), 2s);
}

}  // namespace
}  // namespace itemgate::load
