#include "cli/delay_range.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace itemgate::cli {
namespace {

constexpr Duration kDelayMax = std::chrono::hours(1);

std::optional<Duration> ParseDelay(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !(number >= 0) || number > 1e7) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::chrono::duration<double> delay{};
  if (unit == "s") {
    delay = std::chrono::duration<double>(number);
  } else if (unit == "ms") {
    delay = std::chrono::duration<double, std::milli>(number);
  } else {
    return std::nullopt;
  }
  return delay <= kDelayMax ? std::optional(std::chrono::round<Duration>(delay)) : std::nullopt;
}

std::string FormatDelay(Duration delay) {
  if (delay < std::chrono::seconds(1))
    return fmt::format("{:g} ms", std::chrono::duration<double, std::milli>(delay).count());
  return fmt::format("{:g} s", std::chrono::duration<double>(delay).count());
}

}  // namespace

Result<DelayRange> ParseDelayRange(std::string_view text) {
  const std::size_t dots = text.find("..");
  const auto min = ParseDelay(text.substr(0, dots));
  const auto max = dots == std::string_view::npos ? min : ParseDelay(text.substr(dots + 2));
  if (!min || !max || *max < *min)
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is not a delay such as 2s, 500ms or 2s..40s", text));
  return DelayRange{*min, *max};
}

std::string FormatDelayRange(const DelayRange& range) {
  if (range.min == range.max) return FormatDelay(range.min);
  return FormatDelay(range.min) + " to " + FormatDelay(range.max);
}

}  // namespace itemgate::cli
