#include "bench/driver.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"

namespace itemgate {
namespace {

/// What all callers of one measurement share. The atomics are independent of each other, so relaxed order suffices;
/// the latches order everything else.
struct Loop {
  Loop(std::span<const std::uint32_t> all_items, const DriverOptions& driver_options,
       const Clock& driver_clock)
      : stream(all_items),
        options(driver_options),
        clock(driver_clock),
        ready(driver_options.callers) {}

  const std::span<const std::uint32_t> stream;
  const DriverOptions& options;
  const Clock& clock;

  std::latch ready;  // one for each caller
  std::latch start{1};
  Instant begin{};                    // written before `start` opens
  std::atomic<std::size_t> next = 0;  // the first item that nobody has taken
  std::atomic<bool> failed = false;
};

struct alignas(64) CallerRecord {
  Measurement done;
  Instant end{};
};

void RunCaller(Loop& loop, Caller call, CallerRecord& record) {
  const Instant deadline = loop.begin + loop.options.time_max;
  Instant before = loop.clock.Now();
  while (before < deadline && !loop.options.stop.stop_requested() &&
         !loop.failed.load(std::memory_order_relaxed)) {
    const std::size_t first =
        loop.next.fetch_add(loop.options.items_per_call, std::memory_order_relaxed);
    if (first >= loop.stream.size()) break;
    const auto items = loop.stream.subspan(
        first, std::min(loop.options.items_per_call, loop.stream.size() - first));
    CallReport report = call(items);
    const Instant after = loop.clock.Now();
    record.done.latency.Record(after - before, items.size());
    record.done.items += items.size();
    record.done.created += report.created;
    record.done.duplicates += report.duplicates;
    if (report.problem) {
      record.done.problem = std::move(report.problem);
      loop.failed.store(true, std::memory_order_relaxed);
    }
    before = after;
  }
  record.end = before;
}

Measurement Sum(std::span<const std::unique_ptr<CallerRecord>> records, Instant begin) {
  Measurement sum;
  for (const auto& record : records) {
    sum.items += record->done.items;
    sum.created += record->done.created;
    sum.duplicates += record->done.duplicates;
    sum.elapsed = std::max(sum.elapsed, record->end - begin);
    sum.latency.Merge(record->done.latency);
    if (!sum.problem) sum.problem = record->done.problem;
  }
  return sum;
}

}  // namespace

Measurement Drive(std::span<const std::uint32_t> stream, const DriverOptions& options,
                  const Clock& clock, const std::function<Caller()>& make_caller) {
  ITEMGATE_CHECK(options.callers > 0);
  ITEMGATE_CHECK(options.items_per_call > 0);
  Loop loop(stream, options, clock);
  std::vector<std::unique_ptr<CallerRecord>> records(static_cast<std::size_t>(options.callers));
  std::vector<std::jthread> threads;
  threads.reserve(records.size());
  for (auto& record : records) {
    threads.emplace_back([&loop, &make_caller, &record] {
      record = std::make_unique<CallerRecord>();
      Caller call = make_caller();
      loop.ready.count_down();
      loop.start.wait();
      RunCaller(loop, std::move(call), *record);
    });
  }
  loop.ready.wait();
  loop.begin = clock.Now();
  loop.start.count_down();
  threads.clear();  // joins
  return Sum(records, loop.begin);
}

}  // namespace itemgate
