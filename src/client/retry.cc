#include "client/retry.h"

#include <algorithm>
#include <charconv>

namespace itemgate::client {

bool RetryBudget::TryTake(Instant now) {
  const Counts recent = counts_.Sum(now);
  const double budget = counts_.seconds() * options_.budget_per_second +
                        options_.budget_share * static_cast<double>(recent.calls);
  if (static_cast<double>(recent.retries) + 1 > budget) return false;
  ++counts_.At(now).retries;
  return true;
}

Duration BackoffBound(const RetryOptions& options, std::uint32_t retry) {
  Duration bound = options.backoff_min;
  for (std::uint32_t i = 0; i < retry && bound < options.backoff_max; ++i) bound *= 2;
  return std::min<Duration>(bound, options.backoff_max);
}

Duration BackoffDelay(const RetryOptions& options, std::uint32_t retry, double fraction,
                      std::optional<Duration> retry_after) {
  const Duration bound = BackoffBound(options, retry);
  const auto jitter = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::nano>(static_cast<double>(bound.count()) * fraction));
  return retry_after.value_or(Duration::zero()) + jitter;
}

bool IsRetryable(int status) {
  switch (status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

bool IsRetryable(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kUnknown;
}

std::optional<Duration> ParseRetryAfter(std::string_view value) {
  constexpr std::uint32_t kSecondsMax = 3600;
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (end != value.data() + value.size() || value.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) seconds = kSecondsMax;
  return std::chrono::seconds(std::min(seconds, kSecondsMax));
}

}  // namespace itemgate::client
