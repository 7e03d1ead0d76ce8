#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace itemgate::client {

/// Sums over the last moments: ten periods, of which the running one is the last. No clock of its own. One thread at a
/// time. `Counts` is a struct of numbers with operator+=.
template <typename Counts>
class RecentCounts {
 public:
  explicit RecentCounts(Duration period) : period_(period) {}

  /// How long the moments are together.
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(kPeriods * period_).count();
  }

  /// What is counted now.
  [[nodiscard]] Counts& At(Instant now) {
    const std::int64_t number = NumberOf(now);
    Period& period = periods_[static_cast<std::size_t>(number % kPeriods)];
    if (period.number != number) period = {.number = number, .counts = {}};
    return period.counts;
  }

  [[nodiscard]] Counts Sum(Instant now) const {
    const std::int64_t number = NumberOf(now);
    Counts sum;
    for (const Period& period : periods_) {
      if (period.number + kPeriods > number) sum += period.counts;
    }
    return sum;
  }

 private:
  static constexpr std::int64_t kPeriods = 10;

  struct Period {
    std::int64_t number = -kPeriods;  // since the clock's beginning
    Counts counts;
  };

  [[nodiscard]] std::int64_t NumberOf(Instant now) const {
    return now.time_since_epoch() / period_;
  }

  Duration period_;
  std::array<Period, kPeriods> periods_;
};

}  // namespace itemgate::client
