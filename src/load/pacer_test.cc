#include "load/pacer.h"

#include <vector>

#include <gtest/gtest.h>

namespace itemgate::load {
namespace {

using namespace std::chrono_literals;

const Instant kStart = Instant{} + 1h;

std::vector<Duration> AllDue(Pacer& pacer, Instant now) {
  std::vector<Duration> due;
  while (const auto at = pacer.Take(now)) due.push_back(*at - kStart);
  return due;
}

TEST(Pacer, AConstantRateIsEvenlySpaced) {
  Pacer pacer({.arrivals = Arrivals::kConstant, .per_second = 100}, kStart, kStart + 50ms);
  EXPECT_EQ(AllDue(pacer, kStart + 25ms), (std::vector<Duration>{0ms, 10ms, 20ms}));
  EXPECT_EQ(pacer.next(), kStart + 30ms);
  EXPECT_EQ(AllDue(pacer, kStart + 1s), (std::vector<Duration>{30ms, 40ms}));
  EXPECT_EQ(pacer.next(), std::nullopt);
  EXPECT_EQ(pacer.missed(), 0u);
}

TEST(Pacer, SharesMakeTheRateTogether) {
  const PacerOptions options{.arrivals = Arrivals::kConstant, .per_second = 100, .share_count = 2};
  PacerOptions second = options;
  second.share_index = 1;
  Pacer even(options, kStart, kStart + 40ms);
  Pacer odd(second, kStart, kStart + 40ms);
  EXPECT_EQ(AllDue(even, kStart + 40ms), (std::vector<Duration>{0ms, 20ms}));
  EXPECT_EQ(AllDue(odd, kStart + 40ms), (std::vector<Duration>{10ms, 30ms}));
}

TEST(Pacer, PoissonArrivalsHaveTheRateAndExponentialGaps) {
  Pacer pacer({.per_second = 1000, .patience = 1h, .seed = 7}, kStart, kStart + 100s);
  const std::vector<Duration> due = AllDue(pacer, kStart + 100s);
  EXPECT_NEAR(static_cast<double>(due.size()), 100'000, 1'500);
  std::size_t long_gaps = 0;  // longer than the mean: e^-1 of all
  for (std::size_t i = 1; i < due.size(); ++i) long_gaps += due[i] - due[i - 1] > 1ms ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(long_gaps) / static_cast<double>(due.size()), 0.368, 0.01);
}

TEST(Pacer, WhatWasNotSentInTimeIsMissed) {
  Pacer pacer({.arrivals = Arrivals::kConstant, .per_second = 100, .patience = 30ms}, kStart,
              kStart + 100ms);
  EXPECT_EQ(pacer.Take(kStart + 55ms), kStart + 30ms);  // 0, 10 and 20 are too old
  EXPECT_EQ(pacer.missed(), 3u);
  pacer.DropMissed(kStart + 1s);
  EXPECT_EQ(pacer.missed(), 9u);
  EXPECT_EQ(pacer.next(), std::nullopt);
}

TEST(Pacer, AnEarlierEndCutsTheScheduleOff) {
  Pacer pacer({.arrivals = Arrivals::kConstant, .per_second = 100}, kStart, kStart + 1h);
  pacer.EndAt(kStart + 15ms);
  pacer.EndAt(kStart + 1h);  // later than before: no effect
  EXPECT_EQ(AllDue(pacer, kStart + 500ms), (std::vector<Duration>{0ms, 10ms}));
}

}  // namespace
}  // namespace itemgate::load
