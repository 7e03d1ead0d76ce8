#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace itemgate {

/// What a slow line may take for so many bytes of content: a second for each MiB.
[[nodiscard]] constexpr Duration TravelTimeOf(std::size_t bytes) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(bytes) * 1000 / (1 << 20));
}

/// A command that may travel for so long is a long one: others do not stand behind it.
inline constexpr Duration kLongTravel = std::chrono::seconds(1);

}  // namespace itemgate
