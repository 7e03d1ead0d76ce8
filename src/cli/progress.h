#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "cli/output.h"

namespace itemgate::cli {

/// How far something has come.
struct ProgressFigures {
  struct Count {
    std::string_view name;
    std::uint64_t value = 0;
  };

  std::uint64_t items = 0;  // what the rate is made of
  // What the share and the time left are made of: bytes, or items.
  std::uint64_t done = 0;
  std::optional<std::uint64_t> total;  // if it is known
  std::vector<Count> counts;
  Duration elapsed{};
};

/// One line for a terminal, shorter than `columns`: share, bar, items, rate, counts, time left. What does not fit is
/// left out, the bar first.
[[nodiscard]] std::string ProgressBarLine(const ProgressFigures& figures, int columns);

/// One line for a log: the same in words.
[[nodiscard]] std::string ProgressPlainLine(const ProgressFigures& figures);

/// The time left at the speed so far; nothing if nobody knows.
[[nodiscard]] std::optional<Duration> TimeLeft(const ProgressFigures& figures);

enum class ProgressStyle {
  kNone,
  kBar,    // redrawn in its place, at most ten times a second
  kLines,  // one line every few seconds
};

/// The style that suits the output: a bar on a terminal that can move its cursor, else lines.
[[nodiscard]] ProgressStyle ProgressStyleFor(const Output& output);

/// Shows progress on an output. One thread at a time.
class ProgressMeter {
 public:
  /// `clock` and `output` must outlive the meter.
  ProgressMeter(const Clock& clock, Output& output, ProgressStyle style);

  /// True if it is time to show figures again; gathering them may cost something.
  [[nodiscard]] bool IsDue() const;
  /// Shows the figures, all but `elapsed`, which the meter knows.
  void Show(ProgressFigures figures);
  /// Takes the bar away, so that something else can be printed.
  void Clear();

  [[nodiscard]] Duration elapsed() const { return clock_.Now() - start_; }

 private:
  const Clock& clock_;
  Output& output_;
  const ProgressStyle style_;
  const Instant start_;
  Instant shown_at_;
  bool bar_is_shown_ = false;
};

}  // namespace itemgate::cli
