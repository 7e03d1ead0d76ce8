#include "base/duration_text.h"

#include <array>
#include <charconv>
#include <ratio>

namespace itemgate {
namespace {

struct Unit {
  std::string_view name;
  Duration length;
};

constexpr std::array<Unit, 6> kUnits{{
    {"d", std::chrono::days(1)},
    {"h", std::chrono::hours(1)},
    {"m", std::chrono::minutes(1)},
    {"s", std::chrono::seconds(1)},
    {"ms", std::chrono::milliseconds(1)},
    {"us", std::chrono::microseconds(1)},
}};

constexpr Duration kDurationMax = std::chrono::days(36'500);
constexpr Duration kDelayMax = std::chrono::hours(1);

std::string Shortest(double number) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return {digits.data(), error == std::errc() ? end : digits.data()};
}

std::string FormatDelay(Duration delay) {
  if (delay < std::chrono::seconds(1))
    return Shortest(std::chrono::duration<double, std::milli>(delay).count()) + " ms";
  return Shortest(std::chrono::duration<double>(delay).count()) + " s";
}

}  // namespace

Result<Duration> ParseDuration(std::string_view text) {
  const auto refused = [&] {
    return Fail(ErrorCode::kInvalidArgument,
                "'" + std::string(text) + "' is not a duration such as 10s, 250ms or 24h");
  };
  if (text == "0") return Duration{};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !(number >= 0) || number > 1e15) return refused();
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, length] : kUnits) {
    if (unit != name) continue;
    const std::chrono::duration<double, std::nano> duration = number * length;
    if (duration > kDurationMax) return refused();
    return std::chrono::round<Duration>(duration);
  }
  return refused();
}

std::string DurationText(Duration duration) {
  if (duration == Duration{}) return "0s";
  for (const auto& [name, length] : kUnits)
    if (duration % length == Duration{} && !((name == "d" || name == "m") && duration < 2 * length))
      return std::to_string(duration / length) + std::string(name);
  return std::to_string(duration / kUnits.back().length) + std::string(kUnits.back().name);
}

Result<DelayRange> ParseDelayRange(std::string_view text) {
  const std::size_t dots = text.find("..");
  const auto min = ParseDuration(text.substr(0, dots));
  const auto max = dots == std::string_view::npos ? min : ParseDuration(text.substr(dots + 2));
  if (!min || !max || *max < *min || *max > kDelayMax)
    return Fail(ErrorCode::kInvalidArgument,
                "'" + std::string(text) + "' is not a delay such as 2s, 500ms or 2s..40s");
  return DelayRange{*min, *max};
}

std::string DelayRangeText(const DelayRange& range) {
  if (range.min == range.max) return DurationText(range.min);
  return DurationText(range.min) + ".." + DurationText(range.max);
}

std::string FormatDelayRange(const DelayRange& range) {
  if (range.min == range.max) return FormatDelay(range.min);
  return FormatDelay(range.min) + " to " + FormatDelay(range.max);
}

}  // namespace itemgate
