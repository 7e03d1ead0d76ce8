#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "client/recent_counts.h"
#include "itemgate/client.h"
#include "itemgate/error.h"

namespace itemgate::client {

/// Says how many retries a client may still make, so that retries never multiply a server's load: within the last ten
/// seconds at most a share of the calls, and some for each second. No clock of its own. One thread at a time.
class RetryBudget {
 public:
  explicit RetryBudget(const RetryOptions& options) : options_(options) {}

  /// A call was begun.
  void OnCall(Instant now) { ++counts_.At(now).calls; }
  /// Takes a retry out of the budget, if there is one.
  [[nodiscard]] bool TryTake(Instant now);

 private:
  struct Counts {
    std::uint64_t calls = 0;
    std::uint64_t retries = 0;
    Counts& operator+=(const Counts& other) {
      calls += other.calls;
      retries += other.retries;
      return *this;
    }
  };

  RetryOptions options_;
  RecentCounts<Counts> counts_{std::chrono::seconds(1)};
};

/// The longest back-off before the retry of that number, from 0: twice as long as the one before.
[[nodiscard]] Duration BackoffBound(const RetryOptions& options, std::uint32_t retry);

/// How long to wait before the retry of that number, from 0: anywhere between nothing and twice as much as before
/// (exponential back-off with full jitter), after what the server asked for. `fraction` is random, in [0, 1).
[[nodiscard]] Duration BackoffDelay(const RetryOptions& options, std::uint32_t retry,
                                    double fraction, std::optional<Duration> retry_after);

/// An answer that says "later", or that something failed on the way: the same request may be answered otherwise.
[[nodiscard]] bool IsRetryable(int status);
/// The server was not reached, or did not answer.
[[nodiscard]] bool IsRetryable(ErrorCode code);

/// The value of Retry-After, if it is a number of seconds; dates are not understood. At most an hour.
[[nodiscard]] std::optional<Duration> ParseRetryAfter(std::string_view value);

}  // namespace itemgate::client
