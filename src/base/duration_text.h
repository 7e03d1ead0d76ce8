#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "itemgate/error.h"

namespace itemgate {

/// Reads "10s", "250ms", "1.5s", "24h"; units us, ms, s, m, h and d, and "0". Fails with kInvalidArgument.
[[nodiscard]] Result<Duration> ParseDuration(std::string_view text);

/// The shortest text that ParseDuration reads back, to the microsecond: "24h", "1500ms", "0s".
[[nodiscard]] std::string DurationText(Duration duration);

/// A delay that is fixed, or random between two bounds.
struct DelayRange {
  Duration min{};
  Duration max{};

  friend bool operator==(const DelayRange&, const DelayRange&) = default;
};

/// Reads "2s", "500ms", "1.5s" or "2s..40s"; at most an hour. Fails with kInvalidArgument.
[[nodiscard]] Result<DelayRange> ParseDelayRange(std::string_view text);

/// "2s", or "2s..40s": what ParseDelayRange reads back.
[[nodiscard]] std::string DelayRangeText(const DelayRange& range);

/// For people: "2 s", or "2 s to 40 s".
[[nodiscard]] std::string FormatDelayRange(const DelayRange& range);

}  // namespace itemgate
