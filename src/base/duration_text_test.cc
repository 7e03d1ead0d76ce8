#include "base/duration_text.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

using namespace std::chrono_literals;

TEST(DelayRange, ReadsAFixedDelay) {
  EXPECT_EQ(ParseDelayRange("2s")->min, 2s);
  EXPECT_EQ(ParseDelayRange("2s")->max, 2s);
  EXPECT_EQ(ParseDelayRange("500ms")->max, 500ms);
  EXPECT_EQ(ParseDelayRange("1.5s")->min, 1500ms);
  EXPECT_EQ(ParseDelayRange("0s")->min, 0s);
  EXPECT_EQ(ParseDelayRange("3600s")->min, 1h);
}

TEST(DelayRange, ReadsTwoBounds) {
  EXPECT_EQ(ParseDelayRange("500ms..40s")->min, 500ms);
  EXPECT_EQ(ParseDelayRange("500ms..40s")->max, 40s);
}

TEST(DelayRange, RefusesEverythingElse) {
  for (const char* text : {"", "2", "s", "2 s", "-1s", "2s..", "..2s", "3s..2s", "3601s", "2h",
                           "2s..3s..4s", "nans", "infs", "1e99s", "0x2s"})
    EXPECT_FALSE(ParseDelayRange(text)) << text;
}

TEST(DelayRange, IsWrittenAsItIsRead) {
  EXPECT_EQ(DelayRangeText({2s, 2s}), "2s");
  EXPECT_EQ(DelayRangeText({500ms, 40s}), "500ms..40s");
}

TEST(Duration, ReadsEveryUnit) {
  EXPECT_EQ(ParseDuration("0"), 0s);
  EXPECT_EQ(ParseDuration("250us"), 250us);
  EXPECT_EQ(ParseDuration("250ms"), 250ms);
  EXPECT_EQ(ParseDuration("1.5m"), 90s);
  EXPECT_EQ(ParseDuration("24h"), 24h);
  EXPECT_EQ(ParseDuration("7d"), 168h);
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "10", "s", "10 s", "-1s", "10sec", "1e300d", "nans", "40000d"})
    EXPECT_FALSE(ParseDuration(text)) << text;
}

TEST(Duration, IsWrittenAsItIsRead) {
  for (const char* text : {"0s", "250us", "1500ms", "10s", "60s", "2m", "1h", "24h", "7d"})
    EXPECT_EQ(DurationText(*ParseDuration(text)), text);
}

TEST(DelayRange, IsWrittenForPeople) {
  EXPECT_EQ(FormatDelayRange({2s, 2s}), "2 s");
  EXPECT_EQ(FormatDelayRange({500ms, 40s}), "500 ms to 40 s");
}

}  // namespace
}  // namespace itemgate
