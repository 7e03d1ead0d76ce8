#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "obs/histogram.h"

namespace itemgate {

/// What became of the items of one call.
struct CallReport {
  std::uint64_t created = 0;
  std::uint64_t duplicates = 0;
  std::optional<std::string> problem;  // why an item was neither; ends the measurement
};

/// Sends the contents of those numbers in one call, and waits for the answers. Belongs to one caller's thread.
using Caller = std::move_only_function<CallReport(std::span<const std::uint32_t> numbers)>;

struct DriverOptions {
  int callers = 1;  // threads, each with one call at a time
  std::size_t items_per_call = 1;
  Duration time_max = std::chrono::seconds(2);
  std::stop_token stop;  // asks for an early end; what was measured until then counts
};

struct Measurement {
  std::uint64_t items = 0;  // answered; always the first so many of the stream
  std::uint64_t created = 0;
  std::uint64_t duplicates = 0;
  Duration elapsed{};  // from the start of all callers to the last answer
  Histogram latency;   // of items: each has the latency of its call
  std::optional<std::string> problem;
};

/// Runs a closed loop: so many callers, each of which takes the next items of the stream as soon as its last call was
/// answered, until the stream or the time is spent. Blocks until all callers are through. `make_caller` is called once
/// on each caller's thread, before the time starts.
[[nodiscard]] Measurement Drive(std::span<const std::uint32_t> stream, const DriverOptions& options,
                                const Clock& clock, const std::function<Caller()>& make_caller);

}  // namespace itemgate
