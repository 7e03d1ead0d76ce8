#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "itemgate/error.h"
#include "load/tally.h"
#include "load/worker.h"

namespace itemgate::load {

/// How far a load has come.
struct LoadProgress {
  Duration elapsed{};
  std::uint64_t succeeded = 0;
  std::uint64_t items = 0;
  std::uint64_t failed = 0;
};

/// What a load gave.
struct LoadResult {
  Tally tally;
  /// What rates are made of. Closed loop: from the start to the last answer. Open loop: the time in which requests were
  /// due; only what succeeded within it counts.
  Duration elapsed{};
  std::uint64_t distinct_contents = 0;  // among those that were sent
  double busy = 0;  // of the busiest thread: the part of the time it was computing
  bool open_loop = false;

  [[nodiscard]] double RequestsPerSecond() const;
  [[nodiscard]] double ItemsPerSecond() const;
  /// Why the figures say more about this program than about the server, if they do.
  [[nodiscard]] std::optional<std::string> OwnLimit() const;
  /// What contradicts "each distinct content exactly once", if anything does. REQUIRES: the contents were new.
  [[nodiscard]] std::optional<std::string> DuplicateProblem() const;
};

/// Sends requests to a server, as the options say, and counts what comes back. Blocks until all is answered or given
/// up; a `stop` ends it early. One of its threads is the caller's. `progress` is called on it, some twenty times a
/// second. Fails with kUnavailable if no connection could be made at all.
[[nodiscard]] Result<LoadResult> RunLoad(const LoadOptions& options, const Clock& clock,
                                         std::stop_token stop,
                                         const std::function<void(const LoadProgress&)>& progress);

}  // namespace itemgate::load
