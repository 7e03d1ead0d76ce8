#include "cli/import_summary.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/text.h"

namespace itemgate::cli {
namespace {

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double ItemsPerSecond(const ImportSummary& summary) {
  const double seconds = Seconds(summary.elapsed);
  return seconds > 0 ? static_cast<double>(summary.tally.saved()) / seconds : 0;
}

std::string_view EndName(ImportEnd end) {
  switch (end) {
    case ImportEnd::kDone:
      return "done";
    case ImportEnd::kStopped:
      return "stopped";
    case ImportEnd::kInterrupted:
      return "interrupted";
  }
  return "invalid";
}

std::string HeadLine(const ImportSummary& summary) {
  const std::string_view verb = summary.end == ImportEnd::kDone          ? "Imported"
                                : summary.end == ImportEnd::kInterrupted ? "Interrupted after"
                                                                         : "Stopped after";
  return fmt::format("{} {} from {} in {:.1f} s ({})\n", verb,
                     Counted(summary.tally.saved(), "item"), Counted(summary.inputs, "input"),
                     Seconds(summary.elapsed), FormatRate(ItemsPerSecond(summary)));
}

}  // namespace

std::string SummaryText(const ImportSummary& summary) {
  struct Row {
    std::string_view name;
    std::uint64_t count;
    std::string_view remark;
  };
  const ImportTally& tally = summary.tally;
  const std::array<Row, 7> rows{
      {{"created", tally.created, ""},
       {"duplicates", tally.duplicates, ""},
       {"empty", tally.empty, "lines or files without content, passed over"},
       {"refused", tally.refused, "see above"},
       {"failed", tally.failed - tally.unknown, "not saved"},
       {"unknown", tally.unknown, "nobody knows whether they are saved"},
       {"unreadable", tally.unreadable, "inputs not read to their end, see above"}}};
  std::string text = HeadLine(summary);
  const std::size_t digits = FormatCount(std::max(tally.created, tally.duplicates)).size();
  for (const Row& row : rows) {
    if (row.count == 0 && !row.remark.empty()) continue;
    text += fmt::format("  {:<10}  {:>{}}", row.name, FormatCount(row.count), digits);
    text += row.remark.empty() ? "\n" : fmt::format("   {}\n", row.remark);
  }
  if (!summary.go_on.empty())
    text +=
        fmt::format("To go on, run it again; what is saved already counts as a duplicate:\n  {}\n",
                    summary.go_on);
  return text;
}

std::string SummaryJson(const ImportSummary& summary) {
  const ImportTally& tally = summary.tally;
  JsonWriter json;
  json.BeginObject()
      .Field("end", EndName(summary.end))
      .Field("items", tally.saved())
      .Field("created", tally.created)
      .Field("duplicates", tally.duplicates)
      .Field("empty", tally.empty)
      .Field("refused", tally.refused)
      .Field("failed", tally.failed)
      .Field("unknown", tally.unknown)
      .Field("inputs", summary.inputs)
      .Field("unreadable_inputs", tally.unreadable)
      .Field("bytes_read", tally.bytes_read)
      .Field("seconds", Seconds(summary.elapsed))
      .Field("items_per_second", ItemsPerSecond(summary));
  if (!summary.go_on.empty()) json.Field("go_on", summary.go_on);
  return json.EndObject().Take();
}

}  // namespace itemgate::cli
