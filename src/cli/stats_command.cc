#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/database_url.h"
#include "base/json_writer.h"
#include "cli/command.h"
#include "cli/text.h"

namespace itemgate::cli {
namespace {

/// Contents are never empty, so zero bytes of them mean that the store does not count.
bool KnowsContentBytes(const StoreStatistics& statistics) {
  return statistics.items == 0 || statistics.content_bytes > 0;
}

/// Where the items are.
struct Place {
  std::string_view name;
  std::string value;
};

Place PlaceOf(const CommonOptions& options) {
  if (!options.server.empty()) return {"server", options.server};
  if (options.store.empty() || options.store == "embedded") return {"data", options.data};
  return {"store", WithoutPassword(options.store)};
}

void PrintJson(Context& context, const StoreStatistics& statistics) {
  const Place place = PlaceOf(context.options());
  JsonWriter json;
  json.BeginObject()
      .Field(place.name, place.value)
      .Field("items", statistics.items)
      .Field("last_id", statistics.items);
  if (KnowsContentBytes(statistics)) json.Field("content_bytes", statistics.content_bytes);
  context.out().PrintLine(json.Field("disk_bytes", statistics.disk_bytes).EndObject().Take());
}

void PrintTable(Context& context, const StoreStatistics& statistics) {
  Output& out = context.out();
  const auto row = [&](std::string_view name, std::string_view value) {
    out.PrintLine(fmt::format("{:<10}  {}", name, value));
  };
  const Place place = PlaceOf(context.options());
  row(place.name, Preview(place.value, 1000));
  row("items", FormatCount(statistics.items));
  row("ids", statistics.items == 0 ? "none" : fmt::format("1 to {}", statistics.items));
  if (KnowsContentBytes(statistics)) row("contents", FormatBytes(statistics.content_bytes));
  row("on disk", FormatBytes(statistics.disk_bytes));
  if (statistics.items > 0)
    row("an item", fmt::format("{} of disk on average",
                               FormatBytes(statistics.disk_bytes / statistics.items)));
}

ExitStatus RunStats(Context& context) {
  const auto store = context.OpenStore(StoreMode::kMustExist);
  if (!store) return context.ReportOpening(store.error());
  const auto statistics = (*store)->Statistics();
  if (!statistics) return context.Report(statistics.error());
  if (context.options().json) {
    PrintJson(context, *statistics);
  } else {
    PrintTable(context, *statistics);
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddStatsCommand(CLI::App& root, Context& context) {
  CLI::App& command = AddCommand(root, context,
                                 {.name = "stats",
                                  .summary = "Count items and bytes",
                                  .examples = "  itemgate stats\n"
                                              "  itemgate stats --json | jq .items\n"},
                                 [&context] { return RunStats(context); });
  AddStoreOptions(command, context);
}

}  // namespace itemgate::cli
