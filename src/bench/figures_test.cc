#include "bench/figures.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

TEST(Figures, NumbersHaveThreeSignificantDigits) {
  EXPECT_EQ(ShortNumber(0), "0");
  EXPECT_EQ(ShortNumber(812.4), "812");
  EXPECT_EQ(ShortNumber(999.6), "1.00 k");
  EXPECT_EQ(ShortNumber(35'149), "35.1 k");
  EXPECT_EQ(ShortNumber(147'900), "148 k");
  EXPECT_EQ(ShortNumber(1'415'000), "1.42 M");
}

TEST(Figures, DurationsHaveTheUnitThatFits) {
  EXPECT_EQ(ShortDuration(Duration(0)), "0 ns");
  EXPECT_EQ(ShortDuration(Duration(740)), "740 ns");
  EXPECT_EQ(ShortDuration(Duration(5'310)), "5.31 us");
  EXPECT_EQ(ShortDuration(Duration(12'449'000)), "12.4 ms");
  EXPECT_EQ(ShortDuration(Duration(999'960)), "1.00 ms");
  EXPECT_EQ(ShortDuration(Duration(120'000'000'000)), "120 s");
}

TEST(Figures, DecimalRoundsToTheDigitsAskedFor) {
  EXPECT_EQ(Decimal(1.26, 1), "1.3");
  EXPECT_EQ(Decimal(-3, 0), "-3");
}

}  // namespace
}  // namespace itemgate
