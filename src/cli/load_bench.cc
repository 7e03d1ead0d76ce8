#include "cli/load_bench.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/random.h"
#include "bench/figures.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/load_report.h"
#include "cli/progress.h"
#include "cli/version.h"
#include "cli/write_file.h"
#include "client/server_url.h"
#include "itemgate/client.h"
#include "load/load.h"
#include "load/plot.h"
#include "load/recovery.h"
#include "net/tcp.h"

namespace itemgate::cli {
namespace {

using load::LoadOptions;
using load::RequestKind;

constexpr std::size_t kConnectionsMax = 50'000;
constexpr std::size_t kPipelinedMax = 1000;
constexpr std::size_t kOpenLoopPipelined = 16;
constexpr double kClosedLoopTimeout = 10;  // seconds
constexpr double kOpenLoopTimeout = 1;
constexpr double kStepMax = 100;
constexpr double kRecoveryStep = 0.7;       // of the peak
constexpr double kRecoverySecondsMin = 10;  // a server gets that long to recover
/// More than any server does, so that the time ends a load and not the stream.
constexpr double kRequestsPerSecondMax = 200'000;
constexpr double kPipelinedPerSecondMax = 1'000'000;
constexpr double kItemsPerSecondMax = 2'000'000;
constexpr double kStreamItemsMax = 100'000'000;

Duration FromSeconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

RequestKind KindOf(const std::string& mode) {
  if (mode == "batch") return RequestKind::kBatch;
  return mode == "get" ? RequestKind::kGet : RequestKind::kItem;
}

/// Of a stream that does not end before the time does.
std::size_t EnoughItems(const LoadSettings& settings, std::optional<double> rate) {
  if (settings.stream_items > 0) return settings.stream_items;
  const bool batches = settings.mode == "batch";
  const bool pipelined = settings.pipelined.value_or(1) > 1;
  double per_second = batches     ? kItemsPerSecondMax
                      : pipelined ? kPipelinedPerSecondMax
                                  : kRequestsPerSecondMax;
  if (rate) per_second = 1.5 * *rate * (batches ? static_cast<double>(settings.batch) : 1.0);
  return static_cast<std::size_t>(
      std::clamp(settings.seconds * per_second, 100'000.0, kStreamItemsMax));
}

/// Loads one server, one load after the other.
class LoadBench {
 public:
  LoadBench(Context& context, const LoadSettings& settings)
      : context_(context),
        settings_(settings),
        run_(settings.run.value_or(static_cast<std::uint32_t>(UnpredictableSeed()) | 1)) {}

  [[nodiscard]] Result<void> Prepare() {
    const auto url = client::ServerUrl::Parse(settings_.server, client::ServerUrl::Schemes::kHttp);
    if (!url) return std::unexpected(url.error());
    const auto address = Resolve(url->endpoint);
    if (!address) return std::unexpected(address.error());
    server_ = url->ToString();
    base_.address = *address;
    base_.requests = {.kind = KindOf(settings_.mode),
                      .framing = settings_.framing == "binary" ? load::BatchFraming::kBinary
                                                               : load::BatchFraming::kNdjson,
                      .items_per_batch = settings_.batch,
                      .host = url->authority,
                      .prefix = url->prefix};
    base_.threads = settings_.threads;
    base_.connections = settings_.connections;
    base_.seed = UnpredictableSeed();
    base_.arrivals =
        settings_.arrivals == "constant" ? load::Arrivals::kConstant : load::Arrivals::kPoisson;
    return base_.requests.kind == RequestKind::kGet ? CountItems() : Result<void>();
  }

  /// Runs what was asked for.
  [[nodiscard]] Result<void> Run() {
    for (const Workload workload : settings_.workloads) {
      auto done = settings_.steps.empty() ? RunOne(workload) : RunSteps(workload);
      if (!done || interrupt_.requested()) return done;
    }
    return {};
  }

  [[nodiscard]] Result<void> Finish() {
    const std::string json = LoadJson(cases_, server_, Version());
    if (context_.options().json) context_.out().PrintLine(json);
    if (!settings_.json_file.empty())
      if (auto written = WriteFile(settings_.json_file, json + "\n"); !written) return written;
    if (settings_.plot_file.empty()) return {};
    std::vector<load::PlotCase> plotted;
    for (const LoadCase& one : cases_) plotted.push_back({one.name, one.result.tally});
    return WriteFile(settings_.plot_file, load::PlotSvg(plotted));
  }

  [[nodiscard]] ExitStatus Status() const {
    if (interrupt_.requested()) return ExitStatus::kInterrupted;
    const bool wrong = std::ranges::any_of(cases_, [](const LoadCase& one) {
      return one.result.tally.succeeded() == 0 ||
             (one.contents_are_new && one.result.DuplicateProblem());
    });
    return wrong ? ExitStatus::kSomeItems : ExitStatus::kOk;
  }

 private:
  [[nodiscard]] bool ShowsText() const { return !context_.options().json; }

  [[nodiscard]] Result<void> CountItems() {
    auto client = Client::Make({.url = server_});
    if (!client) return std::unexpected(client.error());
    const auto statistics = (*client)->StoreStatisticsNow();
    if (!statistics) return std::unexpected(statistics.error());
    if (statistics->items == 0)
      return Fail(ErrorCode::kNotFound,
                  "the server has no items to read: save some first, with --mode items");
    base_.requests.ids = statistics->items;
    return {};
  }

  /// The options of the next load: a run of its own, so that its contents are new.
  [[nodiscard]] LoadOptions OptionsOf(Workload workload, std::optional<double> rate) {
    LoadOptions options = base_;
    options.rate = rate;
    options.time = FromSeconds(settings_.seconds);
    // Steps are compared with each other, so all of them use the connections alike.
    const bool compared = !settings_.steps.empty();
    options.pipelined = settings_.pipelined.value_or(rate && !compared ? kOpenLoopPipelined : 1);
    options.budget = FromSeconds(
        settings_.timeout_seconds.value_or(rate ? kOpenLoopTimeout : kClosedLoopTimeout));
    options.tell_budget = rate || settings_.timeout_seconds;
    const auto number = settings_.distinct > 0 ? 0 : static_cast<std::uint32_t>(cases_.size());
    options.contents = {.workload = workload,
                        .stream_items = EnoughItems(settings_, rate),
                        .distinct = settings_.distinct,
                        .run = run_ == 0 && number == 0 ? 0 : run_ + number,
                        .bytes = settings_.content_bytes};
    if (options.requests.kind == RequestKind::kGet) options.contents.distinct = 1;
    return options;
  }

  [[nodiscard]] Result<void> Load(LoadCase load_case) {
    ProgressMeter meter(context_.clock(), context_.err(), ProgressStyleOf());
    const auto total = static_cast<std::uint64_t>(load_case.options.time / kProgressUnit);
    auto result = load::RunLoad(
        load_case.options, context_.clock(), interrupt_.token(),
        [&](const load::LoadProgress& progress) {
          if (!meter.IsDue()) return;
          meter.Show({.items = progress.items,
                      .done = static_cast<std::uint64_t>(progress.elapsed / kProgressUnit),
                      .total = total,
                      .counts = {{"failed", progress.failed}}});
        });
    meter.Clear();
    if (!result) return std::unexpected(result.error());
    load_case.result = std::move(*result);
    load_case.interrupted = interrupt_.requested();
    load_case.contents_are_new = !settings_.run && (settings_.distinct == 0 || cases_.empty());
    cases_.push_back(std::move(load_case));
    return {};
  }

  void ReportProblems() {
    for (const std::string& problem : LoadProblems(cases_.back()))
      context_.err().PrintLine(fmt::format("itemgate: {}: {}", cases_.back().name, problem));
    context_.err().Flush();
  }

  [[nodiscard]] Result<void> RunOne(Workload workload) {
    const std::string name(settings_.distinct > 0 ? "repeats" : WorkloadName(workload));
    auto loaded = Load({.name = name, .options = OptionsOf(workload, settings_.rate)});
    if (!loaded) return loaded;
    if (ShowsText()) context_.out().Print(LoadText(cases_.back()));
    context_.out().Flush();
    ReportProblems();
    return {};
  }

  [[nodiscard]] Result<void> RunSteps(Workload workload) {
    if (auto loaded = Load({.name = "peak", .options = OptionsOf(workload, {})}); !loaded)
      return loaded;
    const double peak = cases_.back().result.RequestsPerSecond();
    if (ShowsText()) {
      context_.out().PrintLine(LoadTitle(cases_.back()) + "; then open loops");
      context_.out().PrintLine(StepHead());
    }
    ShowStep(peak);
    if (interrupt_.requested()) return {};
    if (peak <= 0) return Fail(ErrorCode::kUnavailable, "the server answers nothing: no steps");
    for (const double step : settings_.steps) {
      if (interrupt_.requested()) return {};
      if (auto done = RunStep(workload, peak, step); !done) return done;
      ShowStep(peak);
    }
    if (interrupt_.requested() || settings_.steps.back() <= 1) return {};
    return RunRecovery(workload, peak);
  }

  [[nodiscard]] Result<void> RunStep(Workload workload, double peak, double step) {
    return Load({.name = Decimal(step, 2) + " x peak",
                 .options = OptionsOf(workload, peak * step),
                 .of_peak = step});
  }

  [[nodiscard]] Result<void> RunRecovery(Workload workload, double peak) {
    LoadCase load_case{.name = "recovery",
                       .options = OptionsOf(workload, peak * kRecoveryStep),
                       .of_peak = kRecoveryStep};
    load_case.options.time = FromSeconds(std::max(settings_.seconds, kRecoverySecondsMin));
    if (auto loaded = Load(std::move(load_case)); !loaded) return loaded;
    LoadCase& done = cases_.back();
    const load::Tally& tally = done.result.tally;
    done.recovered_in =
        load::RecoveryTime(tally.stretches(), tally.stretch(), peak * kRecoveryStep);
    ShowStep(peak);
    if (!done.recovered_in && !interrupt_.requested())
      context_.err().PrintLine("itemgate: the server did not recover from the overload");
    return {};
  }

  void ShowStep(double peak) {
    if (ShowsText()) context_.out().PrintLine(StepRow(cases_.back(), peak));
    context_.out().Flush();
    ReportProblems();
  }

  [[nodiscard]] ProgressStyle ProgressStyleOf() {
    return context_.err().is_terminal() ? ProgressStyleFor(context_.err()) : ProgressStyle::kNone;
  }

  static constexpr Duration kProgressUnit = std::chrono::milliseconds(1);

  Context& context_;
  const LoadSettings& settings_;
  const Interrupt interrupt_;
  const std::uint32_t run_;
  std::string server_;
  LoadOptions base_;
  std::vector<LoadCase> cases_;
};

void AddRequestOptions(CLI::App& command, LoadSettings& settings) {
  command
      .add_option("--mode", settings.mode,
                  "What to send: items one by one, batches of --batch items, or reads of saved "
                  "items; items if not given")
      ->check(CLI::IsMember({"items", "batch", "get"}).description(""))
      ->type_name("items|batch|get");
  command.add_option("--framing", settings.framing, "How items of a batch are told apart")
      ->check(CLI::IsMember({"ndjson", "binary"}).description(""))
      ->type_name("ndjson|binary");
  command
      .add_option("--distinct", settings.distinct,
                  "Instead of a workload so many contents over and over: duplicates, after the "
                  "first round")
      ->type_name("CONTENTS");
  command
      .add_option("--body-bytes", settings.content_bytes, "Length of a content; 256 if not given")
      ->check(Between(load::kLoadContentBytesMin, 1 << 20))
      ->type_name("BYTES");
  command
      .add_option("--run", settings.run,
                  "Contents of different runs differ; run 0 has those of the bench without "
                  "--server. A new run each time if not given")
      ->type_name("NUMBER");
}

void AddPaceOptions(CLI::App& command, LoadSettings& settings) {
  command
      .add_option("--connections", settings.connections, "Keep-alive connections; 64 if not given")
      ->check(Between(1, kConnectionsMax))
      ->type_name("COUNT");
  command
      .add_option(
          "--pipeline", settings.pipelined,
          "Requests without an answer on a connection, at most; 1 if not given, and 16 with "
          "--rate")
      ->check(Between(1, kPipelinedMax))
      ->type_name("COUNT");
  auto* rate = command
                   .add_option("--rate", settings.rate,
                               "Open loop: so many requests each second, whatever the answers do; "
                               "without it each answer brings the next request")
                   ->check(Between(0.1, 1e7))
                   ->type_name("PER-SECOND");
  command
      .add_option("--arrivals", settings.arrivals, "How the requests of an open loop are spaced")
      ->check(CLI::IsMember({"poisson", "constant"}).description(""))
      ->type_name("poisson|constant");
  command
      .add_option("--steps", settings.steps,
                  "Finds the peak in a closed loop, then offers so many times of it in open loops, "
                  "then sees how soon the server recovers")
      ->delimiter(',')
      ->check(Between(0.01, kStepMax))
      ->excludes(rate)
      ->type_name("0.7,2,4");
  command
      .add_option("--timeout", settings.timeout_seconds,
                  "Time budget of a request, which the server is told; 10 if not given, and 1 in "
                  "an open loop")
      ->check(Between(0.001, 3600))
      ->type_name("SECONDS");
  command.add_option("--threads", settings.threads, "Threads that send; 1 if not given")
      ->check(Between(1, 256))
      ->type_name("COUNT");
}

}  // namespace

void AddLoadOptions(CLI::App& command, LoadSettings& settings) {
  const std::vector<CLI::Option*> local = command.get_options([](const CLI::Option* option) {
    return option->check_lname("data") || option->check_lname("callers") ||
           option->check_lname("batch-callers") || option->check_lname("line");
  });
  auto* server = command
                     .add_option("--server", settings.server,
                                 "Load the server there (itemgate serve) instead of measuring "
                                 "this machine")
                     ->type_name("URL");
  const std::size_t shared_count = command.get_options().size();
  AddRequestOptions(command, settings);
  AddPaceOptions(command, settings);
  std::vector<CLI::Option*> needs_server = command.get_options({});
  needs_server.erase(needs_server.begin(),
                     needs_server.begin() + static_cast<std::ptrdiff_t>(shared_count));
  for (CLI::Option* option : needs_server) option->group("With --server");
  command.parse_complete_callback([server, local, needs_server] {
    for (const CLI::Option* option : needs_server)
      if (server->empty() && !option->empty())
        throw CLI::RequiresError(option->get_name(), "--server");
    for (const CLI::Option* option : local)
      if (!server->empty() && !option->empty())
        throw CLI::ExcludesError("--server", option->get_name());
  });
}

ExitStatus RunLoadBench(Context& context, const LoadSettings& settings) {
  LoadBench bench(context, settings);
  if (const auto prepared = bench.Prepare(); !prepared) return context.Report(prepared.error());
  const auto done = bench.Run();
  if (const auto finished = bench.Finish(); !finished) return context.Report(finished.error());
  if (!done) return context.Report(done.error());
  return bench.Status();
}

}  // namespace itemgate::cli
