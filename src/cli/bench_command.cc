#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/plot.h"
#include "bench/report.h"
#include "cli/bench_run.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/load_bench.h"
#include "cli/temporary_directory.h"
#include "cli/version.h"
#include "cli/write_file.h"

namespace itemgate::cli {
namespace {

constexpr int kCallersMax = 4096;
constexpr std::size_t kBatchItemsMax = 100'000;
constexpr double kSeconds = 2;
constexpr double kSecondsMax = 3600;
constexpr std::size_t kStreamItemsMax = 1'000'000'000;
/// More than any case gets done in a second, so that the time ends a case and not the stream.
constexpr double kStreamItemsPerSecond = 2'000'000;

struct BenchSettings {
  std::vector<std::string> workloads = {"all"};
  std::vector<int> callers = {1, 16, 64, 256};
  std::vector<int> batch_callers = {1, 4};
  std::size_t batch = 1000;       // 0: no batches
  std::optional<double> seconds;  // 2, or with a server as LoadSettings says
  std::size_t items = 0;          // of the stream; 0: enough for the time
  std::string directory;
  std::string database;
  std::string json_file;
  std::string plot_file;
  bool line = false;
  LoadSettings load;  // of a server
};

std::vector<Workload> ChosenWorkloads(const BenchSettings& settings) {
  std::vector<Workload> chosen;
  for (const std::string& name : settings.workloads) {
    if (const auto workload = WorkloadNamed(name)) {
      chosen.push_back(*workload);
    } else {  // "all": the parser lets no other name through
      chosen.insert(chosen.end(), kAllWorkloads.begin(), kAllWorkloads.end());
    }
  }
  return chosen;
}

std::vector<BenchCase> CasesOf(const BenchSettings& settings) {
  std::vector<BenchCase> cases;
  for (const Workload workload : ChosenWorkloads(settings)) {
    for (const int callers : settings.callers)
      if (callers > 0) cases.push_back({workload, callers, 1});
    for (const int callers : settings.batch_callers)
      if (callers > 0 && settings.batch > 0) cases.push_back({workload, callers, settings.batch});
  }
  return cases;
}

BenchRunOptions RunOptionsOf(const BenchSettings& settings, const std::string& directory) {
  const double seconds = settings.seconds.value_or(kSeconds);
  const auto enough = static_cast<std::size_t>(
      std::clamp(seconds * kStreamItemsPerSecond, 100'000.0, double{kStreamItemsMax}));
  return {.directory = directory,
          .database = settings.database,
          .time_max = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)),
          .stream_items = settings.items > 0 ? settings.items : enough};
}

/// Shows the results in the way that was asked for, as they come.
class BenchOutput {
 public:
  BenchOutput(Context& context, const BenchSettings& settings)
      : context_(context), settings_(settings) {}

  void Begin() {
    if (ShowsTable()) context_.out().PrintLine(TableHead());
    context_.out().Flush();
  }

  /// On a terminal, and only until the case is through.
  void ShowRunning(const BenchCase& bench_case, std::size_t number, std::size_t count) {
    if (!context_.err().is_terminal()) return;
    const CaseResult named{.workload = bench_case.workload,
                           .callers = bench_case.callers,
                           .items_per_call = bench_case.items_per_call};
    context_.err().Print(fmt::format("case {} of {}: {}, {} …", number, count,
                                     WorkloadName(named.workload), CaseName(named)));
    context_.err().Flush();
  }

  void Show(const CaseResult& result) {
    if (context_.err().is_terminal()) context_.err().Print("\r\x1b[K");
    context_.err().Flush();
    if (settings_.line) context_.out().PrintLine(PeerLine(result));
    if (ShowsTable()) context_.out().PrintLine(TableRow(result));
    context_.out().Flush();
    if (result.problem)
      context_.err().PrintLine(fmt::format("itemgate: {}, {}: {}", WorkloadName(result.workload),
                                           CaseName(result), *result.problem));
  }

  [[nodiscard]] Result<void> Finish(const std::vector<CaseResult>& results) {
    const std::string json = ReportJson(results, Version());
    if (context_.options().json) context_.out().PrintLine(json);
    if (!settings_.json_file.empty())
      if (auto written = WriteFile(settings_.json_file, json + "\n"); !written) return written;
    if (!settings_.plot_file.empty()) return WriteFile(settings_.plot_file, PlotSvg(results));
    return {};
  }

 private:
  [[nodiscard]] bool ShowsTable() const { return !settings_.line && !context_.options().json; }

  Context& context_;
  const BenchSettings& settings_;
};

/// The settings for a server, with what it shares with the bench of this machine.
LoadSettings LoadSettingsOf(const BenchSettings& settings) {
  LoadSettings load = settings.load;
  const bool all = std::ranges::find(settings.workloads, "all") != settings.workloads.end();
  load.workloads = all ? std::vector{Workload::kW1} : ChosenWorkloads(settings);
  if (settings.seconds) load.seconds = *settings.seconds;
  load.stream_items = settings.items;
  load.batch = std::max<std::size_t>(1, settings.batch);
  load.json_file = settings.json_file;
  load.plot_file = settings.plot_file;
  return load;
}

ExitStatus RunBench(Context& context, const BenchSettings& settings) {
  if (!settings.load.server.empty()) return RunLoadBench(context, LoadSettingsOf(settings));
  const Interrupt interrupt;  // first: what follows must be cleaned up
  const auto directory = TemporaryDirectory::Make(settings.directory);
  if (!directory) return context.Report(directory.error());
  if ((*directory)->IsInMemory())
    context.err().PrintLine(fmt::format(
        "itemgate: {} lies in memory, so nothing is durable there; choose a disk with --data DIR",
        (*directory)->path()));

  const std::vector<BenchCase> cases = CasesOf(settings);
  BenchRun run(context.clock(), RunOptionsOf(settings, (*directory)->path()));
  BenchOutput output(context, settings);
  std::vector<CaseResult> results;
  output.Begin();
  for (const BenchCase& bench_case : cases) {
    if (interrupt.requested()) break;
    output.ShowRunning(bench_case, results.size() + 1, cases.size());
    const auto result = run.Measure(bench_case, interrupt.token());
    if (!result) return context.Report(result.error());
    output.Show(*result);
    results.push_back(*result);
  }
  if (const auto finished = output.Finish(results); !finished)
    return context.Report(finished.error());
  if (interrupt.requested()) return ExitStatus::kInterrupted;
  const bool trusted =
      std::ranges::none_of(results, [](const CaseResult& r) { return r.problem.has_value(); });
  return trusted ? ExitStatus::kOk : ExitStatus::kSomeItems;
}

void AddCaseOptions(CLI::App& command, BenchSettings& settings) {
  command
      .add_option(
          "-w,--workload", settings.workloads,
          "Which workloads to measure: W1, W2, W3, W4; all if not given, and W1 of a server")
      ->delimiter(',')
      ->check(CLI::IsMember({"W1", "W2", "W3", "W4", "all"}, CLI::ignore_case).description(""))
      ->type_name("W1,W2,…");
  command
      .add_option("-c,--callers", settings.callers,
                  "Threads that save one item at a time; 0 for none")
      ->delimiter(',')
      ->check(Between(0, kCallersMax))
      ->type_name("1,16,…");
  command.add_option("-b,--batch", settings.batch, "Items of a batch; 0 for no batches")
      ->check(Between(0, kBatchItemsMax))
      ->type_name("ITEMS");
  command
      .add_option("--batch-callers", settings.batch_callers,
                  "Threads that save batches; 0 for none")
      ->delimiter(',')
      ->check(Between(0, kCallersMax))
      ->type_name("1,4,…");
  command
      .add_option("-t,--seconds", settings.seconds,
                  "How long to measure each case; 2 if not given, and 10 of a server")
      ->check(Between(0.01, kSecondsMax))
      ->type_name("SECONDS");
  command
      .add_option("--items", settings.items,
                  "Length of the stream; enough for the time if not given")
      ->check(Between(1, kStreamItemsMax))
      ->type_name("ITEMS");
}

void AddOutputOptions(CLI::App& command, BenchSettings& settings) {
  command
      .add_option("-d,--data", settings.directory,
                  "Where to make the stores, which are removed again; $TMPDIR or /tmp if not given")
      ->type_name("DIR");
  command
      .add_option("--store", settings.database,
                  "A database instead, prepared by `itemgate migrate` and empty; for one case")
      ->type_name("URL");
  command
      .add_option("--json-file", settings.json_file, "Write the figures as JSON to a file as well")
      ->type_name("FILE");
  command.add_option("--plot", settings.plot_file, "Draw the figures")->type_name("FILE.svg");
  command.add_flag("--line", settings.line, "Print each case as one line of key=value pairs");
}

}  // namespace

void AddBenchCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<BenchSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "bench",
       .summary = "Measure how fast items are saved on this machine, or by a server",
       .details = "Workloads of 256-byte contents: W1 half duplicates, W3 all distinct, W4 99 % "
                  "duplicates,\n"
                  "all durable; W2 is W1 in memory. Each case runs on a new store, and it is an "
                  "error if not\n"
                  "every distinct content was saved exactly once. docs/benchmarks.md says how to "
                  "read the\n"
                  "figures.\n\n"
                  "With --server it is a load generator for `itemgate serve`: in a closed loop, or "
                  "with --rate in\n"
                  "an open one, where latency counts from when a request was due. Every answer is "
                  "checked. The\n"
                  "items that it sends, thousands each second, stay in that server's store: load "
                  "a server of its own.\n",
       .examples =
           "  itemgate bench\n"
           "  itemgate bench --workload W1 --callers 64 --seconds 10\n"
           "  itemgate bench --data /mnt/disk --json-file bench.json --plot bench.svg\n"
           "  itemgate bench --server http://127.0.0.1:8080 --workload W3\n"
           "  itemgate bench --server 127.0.0.1:8080 --distinct 1000 --pipeline 16\n"
           "  itemgate bench --server 127.0.0.1:8080 --mode batch --batch 1000 --connections 4\n"
           "  itemgate bench --server 127.0.0.1:8080 --rate 20000 --timeout 0.5 --plot load.svg\n"
           "  itemgate bench --server 127.0.0.1:8080 --steps 0.5,0.7,1,2,4 --json-file "
           "steps.json\n"},
      [&context, settings] { return RunBench(context, *settings); });
  AddCaseOptions(command, *settings);
  AddOutputOptions(command, *settings);
  AddLoadOptions(command, settings->load);
}

}  // namespace itemgate::cli
