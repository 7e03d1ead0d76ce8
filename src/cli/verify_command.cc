#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/text.h"

namespace itemgate::cli {
namespace {

struct VerifySettings {
  bool quiet = false;
};

void PrintJson(Output& out, const VerifyReport& report) {
  JsonWriter json;
  json.BeginObject()
      .Field("items", report.items)
      .Field("content_bytes", report.content_bytes)
      .Field("problem_count", report.problem_count)
      .Name("problems")
      .BeginArray();
  for (const std::string& problem : report.problems) json.Value(problem);
  out.PrintLine(json.EndArray().EndObject().Take());
}

void PrintText(Output& out, const VerifyReport& report) {
  constexpr std::size_t kProblemColumns = 1000;
  for (const std::string& problem : report.problems)
    out.PrintLine("problem: " + Preview(problem, kProblemColumns));
  if (report.problem_count > report.problems.size())
    out.PrintLine(
        fmt::format("and {} more", FormatCount(report.problem_count - report.problems.size())));
  out.PrintLine(fmt::format("{}: {}, {} of content, {}",
                            report.problem_count == 0 ? "clean" : "NOT CLEAN",
                            Counted(report.items, "item"), FormatBytes(report.content_bytes),
                            Counted(report.problem_count, "problem")));
}

ExitStatus RunVerify(Context& context, const VerifySettings& settings) {
  const auto store = context.OpenStore(StoreMode::kMustExist);
  if (!store) return context.ReportOpening(store.error());
  const auto statistics = (*store)->Statistics();
  if (!statistics) return context.Report(statistics.error());
  const std::uint64_t total = statistics->items;
  ProgressMeter meter(context.clock(), context.err(),
                      settings.quiet ? ProgressStyle::kNone : ProgressStyleFor(context.err()));
  const auto report = (*store)->Verify([&](std::uint64_t items) {
    if (meter.IsDue()) meter.Show({.items = items, .done = items, .total = total});
  });
  meter.Clear();
  if (!report) return context.Report(report.error());
  if (context.options().json) {
    PrintJson(context.out(), *report);
  } else {
    PrintText(context.out(), *report);
  }
  return report->problem_count == 0 ? ExitStatus::kOk : ExitStatus::kSomeItems;
}

}  // namespace

void AddVerifyCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<VerifySettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "verify",
       .summary = "Prove that the store is what was written",
       .details = "Reads all of it: checksums, digests, ids without gaps, each content "
                  "once, the index and the log\n"
                  "the same. Changes nothing. Ends with code 1 if there is a problem, and "
                  "with 4 if the store is so\n"
                  "damaged that it cannot be opened.\n",
       .examples = "  itemgate verify\n"
                   "  itemgate verify --data /var/lib/itemgate --json\n"},
      [&context, settings] { return RunVerify(context, *settings); });
  command.add_flag("-q,--quiet", settings->quiet, "Show no progress");
  AddStoreOptions(command, context);
}

}  // namespace itemgate::cli
