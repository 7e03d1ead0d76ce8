#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/random.h"

namespace itemgate::postgres {

/// Decides when to try again to reach a server that could not be reached: at once the first time, then after a delay
/// that doubles up to a bound, with jitter so that many clients do not come back together. Sans I/O. One thread.
class Breaker {
 public:
  struct Options {
    Duration delay_min = std::chrono::milliseconds(50);
    Duration delay_max = std::chrono::seconds(1);
    std::uint32_t failures_to_open = 3;  // in a row
  };

  Breaker(const Options& options, std::uint64_t seed) : options_(options), random_(seed) {}

  /// True if an attempt may begin now.
  [[nodiscard]] bool MayTry(Instant now) const { return now >= next_try_; }
  /// An attempt failed, or what it had reached was lost.
  void Failed(Instant now);
  void Succeeded();

  /// So many attempts failed in a row that nobody should wait for the next.
  [[nodiscard]] bool is_open() const { return failures_ >= options_.failures_to_open; }
  [[nodiscard]] Instant next_try() const { return next_try_; }

 private:
  const Options options_;
  Random random_;
  std::uint32_t failures_ = 0;
  Instant next_try_{};
};

}  // namespace itemgate::postgres
