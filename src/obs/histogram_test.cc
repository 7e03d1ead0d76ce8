#include "obs/histogram.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace itemgate {
namespace {

TEST(Histogram, AnEmptyOneSaysZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Quantile(0.99), Duration::zero());
}

TEST(Histogram, KeepsSmallDurationsExactly) {
  Histogram histogram;
  for (int i = 1; i <= 20; ++i) histogram.Record(Duration(i));
  EXPECT_EQ(histogram.Quantile(0), Duration(1));
  EXPECT_EQ(histogram.Quantile(0.5), Duration(10));
  EXPECT_EQ(histogram.Quantile(1), Duration(20));
}

// Every magnitude from nanoseconds to centuries must stay within the error that the header names.
TEST(Histogram, IsWithinItsErrorAtEveryMagnitude) {
  for (double value = 1; value < 9e18; value *= 1.37) {
    Histogram histogram;
    const Duration recorded(static_cast<std::int64_t>(value));
    histogram.Record(recorded);
    const auto told = static_cast<double>(histogram.Quantile(0.5).count());
    const auto exact = static_cast<double>(recorded.count());
    EXPECT_LE(std::abs(told - exact), 0.016 * exact) << recorded.count();
  }
}

TEST(Histogram, TellsQuantilesOfManyDurationsWithinItsError) {
  Histogram histogram;
  std::vector<double> exact;
  Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    const double value = std::exp(random.Fraction() * 20);
    histogram.Record(Duration(static_cast<std::int64_t>(value)));
    exact.push_back(std::floor(value));
  }
  std::ranges::sort(exact);
  for (const double fraction : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double expected = exact[static_cast<std::size_t>(fraction * 100'000) - 1];
    EXPECT_NEAR(static_cast<double>(histogram.Quantile(fraction).count()), expected,
                0.016 * expected);
  }
}

TEST(Histogram, CountsABatchForEachOfItsItems) {
  Histogram histogram;
  histogram.Record(Duration(1), 99);
  histogram.Record(Duration(30));
  EXPECT_EQ(histogram.count(), 100u);
  EXPECT_EQ(histogram.Quantile(0.99), Duration(1));
  EXPECT_EQ(histogram.Quantile(1), Duration(30));
}

TEST(Histogram, MergedOnesEqualOneThatSawEverything) {
  Histogram left;
  Histogram right;
  Histogram both;
  for (int i = 0; i < 1000; ++i) {
    const Duration duration(i * i);
    (i % 3 == 0 ? left : right).Record(duration);
    both.Record(duration);
  }
  left.Merge(right);
  EXPECT_EQ(left.count(), both.count());
  for (double fraction = 0; fraction <= 1; fraction += 0.125) {
    EXPECT_EQ(left.Quantile(fraction), both.Quantile(fraction));
  }
}

TEST(Histogram, TakesTheLongestAndNegativeDurations) {
  Histogram histogram;
  histogram.Record(Duration::max());
  EXPECT_GT(histogram.Quantile(1), Duration::max() / 32 * 31);
  histogram.Record(Duration(-5));
  EXPECT_EQ(histogram.Quantile(0), Duration::zero());
}

}  // namespace
}  // namespace itemgate
