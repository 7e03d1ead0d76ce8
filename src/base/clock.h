#pragma once

#include <chrono>

#include "itemgate/item.h"

namespace itemgate {

using Duration = std::chrono::nanoseconds;
/// A point on the monotonic clock of this process; only differences mean anything.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// The seam to time. Safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  [[nodiscard]] virtual Instant Now() const = 0;
  /// For records and people only: it may jump, and no decision may rest on it.
  [[nodiscard]] virtual WallTime WallNow() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant Now() const override;
  [[nodiscard]] WallTime WallNow() const override;
};

}  // namespace itemgate
