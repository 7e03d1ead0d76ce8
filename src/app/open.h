#pragma once

#include <cstdint>
#include <expected>
#include <memory>

#include "itemgate/itemgate.h"

namespace itemgate {

/// Why nothing was opened, and which of the options it is about.
struct OpenFailure {
  enum class About : std::uint8_t { kStore, kRedis, kLimits };

  About about = About::kStore;
  Error error;
};

/// What Open does, for those who want to know more of a failure.
[[nodiscard]] std::expected<std::unique_ptr<Itemgate>, OpenFailure> OpenOrTell(
    const OpenOptions& options);

}  // namespace itemgate
