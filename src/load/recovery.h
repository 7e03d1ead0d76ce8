#pragma once

#include <optional>
#include <span>

#include "base/clock.h"
#include "load/tally.h"

namespace itemgate::load {

/// How long it took from the beginning of the stretches, each so long, until a server did what was asked of it: the
/// beginning of the first second in which it answered nearly all of the `rate` and nearly nothing failed. Nothing if it
/// never did.
[[nodiscard]] std::optional<Duration> RecoveryTime(std::span<const Stretch> stretches,
                                                   Duration stretch, double rate);

}  // namespace itemgate::load
