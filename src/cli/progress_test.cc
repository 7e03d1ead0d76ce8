#include "cli/progress.h"

#include <chrono>

#include <gtest/gtest.h>

#include "cli/captured_output.h"
#include "testing/manual_executor.h"

namespace itemgate::cli {
namespace {

using namespace std::chrono_literals;

const ProgressFigures kHalfway{.items = 50'000,
                               .done = 1000,
                               .total = 2000,
                               .counts = {{"created", 30'000}, {"duplicates", 20'000}},
                               .elapsed = 10s};

TEST(ProgressBarLine, ShowsEverythingWhereThereIsRoom) {
  EXPECT_EQ(ProgressBarLine(kHalfway, 120),
            " 50% [===================>                  ]  50,000 items  5.0 k/s  created 30,000  "
            "duplicates 20,000  0:10 left");
}

TEST(ProgressBarLine, LeavesOutTheBarFirstAndThenTheEnd) {
  EXPECT_EQ(ProgressBarLine(kHalfway, 80),
            " 50%  50,000 items  5.0 k/s  created 30,000  duplicates 20,000  0:10 left");
  EXPECT_EQ(ProgressBarLine(kHalfway, 45), " 50%  50,000 items  5.0 k/s  created 30,000");
  EXPECT_EQ(ProgressBarLine(kHalfway, 10), " 50%");
}

TEST(ProgressBarLine, NeverFillsTheLine) {
  for (int columns = 0; columns < 200; ++columns)
    EXPECT_LT(static_cast<int>(ProgressBarLine(kHalfway, columns).size()), std::max(columns, 1));
}

TEST(ProgressBarLine, HasNoShareAndNoTimeLeftWithoutATotal) {
  ProgressFigures figures = kHalfway;
  figures.total = std::nullopt;
  EXPECT_EQ(ProgressBarLine(figures, 120),
            "50,000 items  5.0 k/s  created 30,000  duplicates 20,000");
}

TEST(ProgressBarLine, ShowsAHundredPercentOnlyAtTheEnd) {
  EXPECT_EQ(ProgressBarLine({.done = 1999, .total = 2000, .elapsed = 1s}, 6), " 99%");
  EXPECT_EQ(ProgressBarLine({.done = 2000, .total = 2000, .elapsed = 1s}, 6), "100%");
  EXPECT_EQ(ProgressBarLine({.done = 3000, .total = 2000, .elapsed = 1s}, 6), "100%");
}

TEST(ProgressPlainLine, SaysTheSameInWords) {
  EXPECT_EQ(ProgressPlainLine(kHalfway),
            "50%, 50,000 items, 5.0 k/s, created 30,000, duplicates 20,000, 0:10 left");
}

TEST(TimeLeft, IsUnknownBeforeAnythingWasDone) {
  EXPECT_EQ(TimeLeft({.done = 0, .total = 10, .elapsed = 1s}), std::nullopt);
  EXPECT_EQ(TimeLeft({.done = 1, .total = 0, .elapsed = 1s}), std::nullopt);
  EXPECT_EQ(TimeLeft({.done = 1, .total = 10, .elapsed = 0s}), std::nullopt);
  EXPECT_EQ(TimeLeft({.done = 1, .total = UINT64_MAX, .elapsed = 1s}), std::nullopt);
  EXPECT_EQ(TimeLeft({.done = 3, .total = 4, .elapsed = 30s}), 10s);
}

TEST(ProgressMeter, RedrawsTheBarTenTimesASecondAndClearsIt) {
  ManualClock clock;
  const CapturedOutput captured;
  Output output(captured.descriptor(), "output");
  ProgressMeter meter(clock, output, ProgressStyle::kBar);
  EXPECT_FALSE(meter.IsDue());
  clock.Set(clock.Now() + 100ms);
  EXPECT_TRUE(meter.IsDue());
  meter.Show({.items = 5});
  EXPECT_FALSE(meter.IsDue());
  meter.Clear();
  meter.Clear();
  EXPECT_EQ(captured.text(), "\r\x1B[K5 items  50/s\r\x1B[K");
}

TEST(ProgressMeter, PrintsALineEveryFiveSeconds) {
  ManualClock clock;
  const CapturedOutput captured;
  Output output(captured.descriptor(), "output");
  ProgressMeter meter(clock, output, ProgressStyle::kLines);
  clock.Set(clock.Now() + 4999ms);
  EXPECT_FALSE(meter.IsDue());
  clock.Set(clock.Now() + 1ms);
  EXPECT_TRUE(meter.IsDue());
  meter.Show({.items = 10});
  meter.Clear();
  EXPECT_EQ(captured.text(), "10 items, 2/s\n");
}

}  // namespace
}  // namespace itemgate::cli
