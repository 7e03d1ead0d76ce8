#include "cli/demo_load.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <latch>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "bench/workload.h"
#include "cli/text.h"
#include "obs/heap.h"

namespace itemgate::cli {
namespace {

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// The threads of this process; 0 if nobody tells.
std::size_t CountThreads() {
  std::error_code error;
  std::size_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/task", error), end; !error && it != end;
       it.increment(error))
    ++count;
  return count;
}

struct LoadReport {
  std::size_t calls = 0;
  std::uint64_t created = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t refused = 0;
  Duration elapsed{};
  std::uint64_t saves_at_once = 0;  // at the backend
  std::uint64_t calls_at_once = 0;  // waiting for their answer when all were sent
  std::size_t threads = 0;
  double bytes_per_save = 0;    // heap, for each content in flight; its content included
  double bytes_per_repeat = 0;  // heap, for each further caller that waits for it
  std::size_t recorded = 0;     // items in the backend's list
  std::vector<std::string> problems;
};

/// Sends everything and counts the answers. Must outlive the answers.
class Load {
 public:
  Load(ItemIntegrationService& service, const DemoLoadOptions& options)
      : service_(service),
        options_(options),
        unanswered_(static_cast<std::ptrdiff_t>(CallCount(options))) {}

  static std::size_t CallCount(const DemoLoadOptions& options) {
    return options.items * static_cast<std::size_t>(1 + options.repeats);
  }

  /// Sends every content once, from all senders at the same time; returns when all are sent.
  void SendRound() {
    std::vector<std::jthread> senders;
    for (int i = 0; i < options_.senders; ++i)
      senders.emplace_back([this, i] { SendShare(static_cast<std::size_t>(i)); });
  }

  void WaitForAnswers() { unanswered_.wait(); }

  [[nodiscard]] const DemoLoadOptions& options() const { return options_; }
  /// Calls that have no answer yet.
  [[nodiscard]] std::uint64_t waiting() const {
    return CallCount(options_) - created_ - duplicates_ - refused_;
  }
  [[nodiscard]] std::uint64_t created() const { return created_; }
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  void SendShare(std::size_t first) {
    std::array<char, kContentBytes> content;
    for (std::size_t i = first; i < options_.items;
         i += static_cast<std::size_t>(options_.senders)) {
      FillContent(static_cast<std::uint32_t>(i), content);
      service_.SaveItemAsync({content.data(), content.size()}, {},
                             [this](const SaveResult& result) { Count(result); });
    }
  }

  void Count(const SaveResult& result) {
    // Only sums; the latch orders them before whoever waits for it.
    auto& counter = result.outcome == Outcome::kCreated     ? created_
                    : result.outcome == Outcome::kDuplicate ? duplicates_
                                                            : refused_;
    counter.fetch_add(1, std::memory_order_relaxed);
    unanswered_.count_down();
  }

  ItemIntegrationService& service_;
  const DemoLoadOptions& options_;
  std::atomic<std::uint64_t> created_ = 0;
  std::atomic<std::uint64_t> duplicates_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  std::latch unanswered_;
};

/// What was taken from the heap between two readings, for each of `count`.
double BytesPer(std::size_t count, std::uint64_t before, std::uint64_t after) {
  return after > before ? static_cast<double>(after - before) / static_cast<double>(count) : 0;
}

LoadReport Measure(const Clock& clock, DemoStage& stage, Load& load) {
  const DemoLoadOptions& options = load.options();
  LoadReport report{.calls = Load::CallCount(options)};
  const Instant begin = clock.Now();
  const std::uint64_t heap_idle = HeapBytesInUse();
  load.SendRound();
  const std::uint64_t heap_saving = HeapBytesInUse();
  for (int i = 0; i < options.repeats; ++i) load.SendRound();
  const std::uint64_t heap_waiting = HeapBytesInUse();
  report.calls_at_once = load.waiting();
  report.threads = CountThreads() + static_cast<std::size_t>(options.senders);
  load.WaitForAnswers();
  report.elapsed = clock.Now() - begin;

  report.created = load.created();
  report.duplicates = load.duplicates();
  report.refused = load.refused();
  report.saves_at_once = stage.backend().running_peak();
  report.bytes_per_save = BytesPer(options.items, heap_idle, heap_saving);
  report.bytes_per_repeat = BytesPer(report.calls - options.items, heap_saving, heap_waiting);
  report.recorded = stage.backend().GetAllItems().size();
  report.problems = stage.FindProblems(report.created);
  if (options.stage.refused_rate == 0 && report.created != options.items)
    report.problems.push_back(
        fmt::format("{} items were created, not {}", report.created, options.items));
  return report;
}

std::string ReportText(const LoadReport& report) {
  std::string text =
      fmt::format("{} calls were answered in {:.2f} s: {} created, {} duplicates, {} not saved.\n",
                  FormatCount(report.calls), Seconds(report.elapsed), FormatCount(report.created),
                  FormatCount(report.duplicates), FormatCount(report.refused));
  text += fmt::format(
      "In flight at once: {} saves, and {} calls that waited for them, on {} threads (senders "
      "included).\n",
      FormatCount(report.saves_at_once), FormatCount(report.calls_at_once), report.threads);
  if (report.bytes_per_save > 0)
    text += fmt::format(
        "Each save in flight cost {:.0f} bytes of heap, the backend's timer and {} bytes of\n"
        "content included; each repeat that waited for one, {:.0f} bytes.\n",
        report.bytes_per_save, kContentBytes, report.bytes_per_repeat);
  if (report.problems.empty())
    text += fmt::format("The backend's list has {} items, none of them twice.\n",
                        FormatCount(report.recorded));
  return text;
}

std::string ReportJson(const LoadReport& report) {
  JsonWriter json;
  json.BeginObject()
      .Field("calls", report.calls)
      .Field("created", report.created)
      .Field("duplicates", report.duplicates)
      .Field("refused", report.refused)
      .Field("seconds", Seconds(report.elapsed))
      .Field("saves_at_once", report.saves_at_once)
      .Field("calls_at_once", report.calls_at_once)
      .Field("threads", report.threads)
      .Field("heap_bytes_per_save", report.bytes_per_save)
      .Field("heap_bytes_per_repeat", report.bytes_per_repeat)
      .Field("recorded", report.recorded);
  json.Name("problems").BeginArray();
  for (const std::string& problem : report.problems) json.Value(problem);
  return json.EndArray().EndObject().Take();
}

}  // namespace

ExitStatus RunDemoLoad(Context& context, const DemoLoadOptions& options) {
  auto stage = DemoStage::Make(options.stage);
  if (!stage) return context.Report(stage.error());
  if (!context.options().json) {
    context.out().PrintLine(fmt::format(
        "{} contents, each sent {} times, go to a backend that takes {} to save one item.",
        FormatCount(options.items), 1 + options.repeats, FormatDelayRange(options.stage.delay)));
    context.out().Flush();
  }
  Load load((*stage)->service(), options);
  const LoadReport report = Measure(context.clock(), **stage, load);
  stage->reset();  // before the load, which the last answer's thread may still be about to leave
  if (context.options().json) {
    context.out().PrintLine(ReportJson(report));
  } else {
    context.out().Print(ReportText(report));
  }
  for (const std::string& problem : report.problems)
    context.err().PrintLine("itemgate: " + problem);
  return report.problems.empty() ? ExitStatus::kOk : ExitStatus::kSomeItems;
}

}  // namespace itemgate::cli
