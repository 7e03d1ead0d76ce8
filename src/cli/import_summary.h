#pragma once

#include <cstddef>
#include <string>

#include "base/clock.h"
#include "cli/import_report.h"

namespace itemgate::cli {

enum class ImportEnd {
  kDone,
  kStopped,      // by a problem, as was asked for, or because nothing more could be saved
  kInterrupted,  // by the user
};

struct ImportSummary {
  ImportTally tally;
  Duration elapsed{};
  std::size_t inputs = 0;
  ImportEnd end = ImportEnd::kDone;
  std::string go_on;  // how to go on, if it did not end by itself
};

/// For people: several lines.
[[nodiscard]] std::string SummaryText(const ImportSummary& summary);
/// For programs: one JSON object.
[[nodiscard]] std::string SummaryJson(const ImportSummary& summary);

}  // namespace itemgate::cli
