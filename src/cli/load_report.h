#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "load/load.h"

namespace itemgate::cli {

/// One load and what it gave.
struct LoadCase {
  std::string name;  // "W1", "peak", "2 x peak"
  load::LoadOptions options;
  load::LoadResult result;
  std::optional<double>
      of_peak;  // in a run of several steps: the offered rate as a share of the peak
  std::optional<Duration> recovered_in;  // of the step that shows it, if it has
  bool contents_are_new = true;          // nobody has sent them to this server before
  bool interrupted = false;              // before its time was over
};

/// "closed loop, 64 connections, …": what was asked for, in a line; of an interrupted load the time that it got.
[[nodiscard]] std::string LoadTitle(const LoadCase& load_case);

/// All figures of one load for a person: lines, each with its line feed.
[[nodiscard]] std::string LoadText(const LoadCase& load_case);

/// The table of a run of several steps, line by line, without line feeds.
[[nodiscard]] std::string StepHead();
[[nodiscard]] std::string StepRow(const LoadCase& load_case, double peak);

/// What casts doubt on the figures or on the server, a sentence each.
[[nodiscard]] std::vector<std::string> LoadProblems(const LoadCase& load_case);

/// All loads as one JSON document.
[[nodiscard]] std::string LoadJson(std::span<const LoadCase> cases, std::string_view server,
                                   std::string_view version);

}  // namespace itemgate::cli
