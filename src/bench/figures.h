#pragma once

#include <string>

#include "base/clock.h"

namespace itemgate {

/// A number with so many digits after the point: Decimal(1.25, 1) is "1.2".
[[nodiscard]] std::string Decimal(double value, int digits);

/// A large number with three significant digits: "812", "35.1 k", "1.42 M".
[[nodiscard]] std::string ShortNumber(double value);

/// A duration with three significant digits: "740 ns", "5.31 us", "12.4 ms", "1.20 s".
[[nodiscard]] std::string ShortDuration(Duration duration);

}  // namespace itemgate
