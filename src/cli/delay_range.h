#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "itemgate/error.h"

namespace itemgate::cli {

/// A delay that is fixed, or random between two bounds.
struct DelayRange {
  Duration min{};
  Duration max{};
};

/// Reads "2s", "500ms", "1.5s" or "2s..40s"; at most an hour. Fails with kInvalidArgument.
[[nodiscard]] Result<DelayRange> ParseDelayRange(std::string_view text);

/// "2 s", or "2 s to 40 s".
[[nodiscard]] std::string FormatDelayRange(const DelayRange& range);

}  // namespace itemgate::cli
