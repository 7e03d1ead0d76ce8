#include "load/load.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "bench/figures.h"
#include "load/contents.h"

namespace itemgate::load {
namespace {

using namespace std::chrono_literals;

constexpr double kBusyMax = 0.95;       // above it, a thread is at its limit
constexpr Duration kOwnDelayMax = 1ms;  // of the 99th percentile

/// Where the threads of a load wait for each other, so that the time begins for all at once.
class StartLine {
 public:
  StartLine(std::size_t workers, const Clock& clock)
      : clock_(clock), arrived_(static_cast<std::ptrdiff_t>(workers)), worker_count_(workers) {}

  /// When the time begins; nothing if nobody is connected.
  std::optional<Instant> Arrive(std::size_t connected) {
    connected_.fetch_add(connected, std::memory_order_relaxed);  // the latches order it
    if (passed_.fetch_add(1, std::memory_order_relaxed) + 1 == worker_count_) {
      start_ = clock_.Now();
    }
    arrived_.arrive_and_wait();
    if (connected_.load(std::memory_order_relaxed) == 0) return std::nullopt;
    return start_;
  }

 private:
  const Clock& clock_;
  std::latch arrived_;
  const std::size_t worker_count_;
  std::atomic<std::size_t> connected_ = 0;
  std::atomic<std::size_t> passed_ = 0;
  Instant start_{};  // written by the last to arrive, read when all have
};

using Workers = std::vector<std::unique_ptr<Worker>>;

LoadProgress ProgressOf(const Workers& workers, Duration elapsed) {
  LoadProgress progress{.elapsed = elapsed};
  for (const auto& worker : workers) {
    progress.succeeded += worker->live().succeeded.load(std::memory_order_relaxed);
    progress.items += worker->live().items.load(std::memory_order_relaxed);
    progress.failed += worker->live().failed.load(std::memory_order_relaxed);
  }
  return progress;
}

LoadResult ResultOf(const Workers& workers, const LoadOptions& options, const Contents& contents,
                    Instant start) {
  LoadResult result{.tally = workers.front()->tally(), .open_loop = options.rate.has_value()};
  Instant end = workers.front()->end();
  std::vector<std::size_t> taken;
  for (const auto& worker : workers) {
    if (worker != workers.front()) result.tally.Merge(worker->tally());
    end = std::max(end, worker->end());
    result.busy = std::max(result.busy, worker->busy());
    taken.push_back(worker->contents_taken());
  }
  result.elapsed = (result.open_loop ? end : result.tally.last_answer()) - start;
  result.distinct_contents = contents.CountDistinct(taken);
  return result;
}

double PerSecond(std::uint64_t count, Duration elapsed) {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace

double LoadResult::RequestsPerSecond() const {
  return PerSecond(open_loop ? tally.succeeded_in_window() : tally.succeeded(), elapsed);
}

double LoadResult::ItemsPerSecond() const {
  return PerSecond(open_loop ? tally.items_in_window() : tally.items(), elapsed);
}

std::optional<std::string> LoadResult::OwnLimit() const {
  if (busy > kBusyMax)
    return "a thread of this program was computing " + Decimal(busy * 100, 0) +
           " % of the time: the server may be faster than this; use --threads, or another machine";
  const Duration delay = tally.own_delay().Quantile(0.99);
  if (open_loop && delay > kOwnDelayMax)
    return "this program could not keep to its schedule: it sent requests up to " +
           ShortDuration(delay) +
           " (p99) late although a connection was free; give it a core of its own";
  return std::nullopt;
}

std::optional<std::string> LoadResult::DuplicateProblem() const {
  const Outcomes& outcomes = tally.outcomes();
  if (outcomes.Total() == 0) return std::nullopt;  // the server does not tell
  const std::uint64_t created = outcomes.Of(ItemOutcome::kCreated);
  const auto said = [&](const char* how) {
    return std::to_string(distinct_contents) + " distinct contents were sent, but " + how +
           std::to_string(created) + " items were created";
  };
  if (created > distinct_contents) return said("");
  if (tally.failed() == tally.Of(Failure::kMissed) && created < distinct_contents)
    return said("only ");
  return std::nullopt;
}

Result<LoadResult> RunLoad(const LoadOptions& options, const Clock& clock, std::stop_token stop,
                           const std::function<void(const LoadProgress&)>& progress) {
  ITEMGATE_CHECK(options.threads > 0);
  const Contents contents(options.contents);
  const auto count = static_cast<std::size_t>(options.threads);
  Workers workers;
  for (std::size_t i = 0; i < count; ++i)
    workers.push_back(std::make_unique<Worker>(options, contents,
                                               Worker::Share{.index = i, .count = count}, clock));
  StartLine line(count, clock);
  std::optional<Instant> start;  // of the first worker's thread, which is this one
  const auto arrive = [&line](std::size_t connected) { return line.Arrive(connected); };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < count; ++i)
      threads.emplace_back(
          [&, i] { workers[i]->Run({.stop = stop, .wait_for_start = arrive, .tick = {}}); });
    workers.front()->Run(
        {.stop = stop,
         .wait_for_start = [&](std::size_t connected) { return start = arrive(connected); },
         .tick =
             [&] {
               if (start) progress(ProgressOf(workers, clock.Now() - *start));
             }});
  }
  LoadResult result = ResultOf(workers, options, contents, start.value_or(Instant{}));
  if (start) return result;
  const auto& examples = result.tally.examples();
  const std::string why =
      examples.empty() ? "it does not answer within 5 s" : examples.begin()->second;
  return Fail(ErrorCode::kUnavailable,
              "cannot load " + options.address.ToString() + ": " + why + "; is the server there?");
}

}  // namespace itemgate::load
