#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "client/recent_counts.h"
#include "itemgate/client.h"

namespace itemgate::client {

/// Keeps calls from a server that refuses most of what it is sent, so that refusing does not become its work: about
/// twice as many are sent as it takes, and ten a second in any case. The others fail here, at random. (Adaptive
/// throttling: Beyer et al., Site Reliability Engineering, 2016, chapter 21.)
///
/// It looks at what was answered in the last two seconds: what is sent doubles within one and a half once the server
/// takes it again. No clock of its own. One thread at a time.
class Throttle {
 public:
  explicit Throttle(const RetryOptions& options) : multiplier_(options.throttle_multiplier) {}

  /// Somebody wants to send a request; false: it must not be. `fraction` is random, in [0, 1).
  [[nodiscard]] bool MaySend(Instant now, double fraction);
  /// What became of one that was sent. Taken: it was answered otherwise, or not at all.
  void OnRefused(Instant now) { ++counts_.At(now).not_taken; }
  void OnTaken(Instant now) { ++counts_.At(now).taken; }

  /// The server has too much to do, and says so.
  [[nodiscard]] static bool IsRefusal(int status) { return status == 429 || status == 503; }

 private:
  static constexpr double kAlwaysPerSecond = 10;

  struct Counts {
    std::uint64_t taken = 0;
    std::uint64_t not_taken = 0;  // refused there, or here
    Counts& operator+=(const Counts& other) {
      taken += other.taken;
      not_taken += other.not_taken;
      return *this;
    }
  };

  double multiplier_;
  RecentCounts<Counts> counts_{std::chrono::milliseconds(200)};
};

}  // namespace itemgate::client
