#include "cli/bench_run.h"

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "bench/driver.h"
#include "itemgate/itemgate.h"
#include "obs/heap.h"

namespace itemgate::cli {
namespace {

void Count(const SaveResult& result, CallReport& report) {
  if (result.outcome == Outcome::kCreated) {
    ++report.created;
  } else if (result.outcome == Outcome::kDuplicate) {
    ++report.duplicates;
  } else {
    report.problem = result.message();
  }
}

/// A caller that saves one item in a call.
Caller SingleCaller(ItemIntegrationService& service) {
  return [&service](std::span<const std::uint32_t> numbers) {
    std::array<char, kContentBytes> content;
    FillContent(numbers.front(), content);
    CallReport report;
    Count(service.SaveItem({content.data(), content.size()}), report);
    return report;
  };
}

/// A caller that saves a batch in a call.
class BatchCaller {
 public:
  BatchCaller(ItemIntegrationService& service, std::size_t items)
      : service_(service), contents_(items), views_(items) {}

  CallReport operator()(std::span<const std::uint32_t> numbers) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      FillContent(numbers[i], contents_[i]);
      views_[i] = {contents_[i].data(), kContentBytes};
    }
    CallReport report;
    for (const SaveResult& result : service_.SaveItems(std::span(views_).first(numbers.size())))
      Count(result, report);
    return report;
  }

 private:
  ItemIntegrationService& service_;
  std::vector<std::array<char, kContentBytes>> contents_;
  std::vector<std::string_view> views_;
};

/// The sizes of all files below a directory.
std::uint64_t DirectoryBytes(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code ignored;  // a file that cannot be read does not count
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, ignored))
    if (entry.is_regular_file(ignored)) bytes += entry.file_size(ignored);
  return bytes;
}

std::uint64_t GrowthOf(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

/// What contradicts "each distinct content exactly once", if anything does.
std::optional<std::string> FindProblem(const Measurement& done, std::uint64_t distinct,
                                       std::uint64_t stored) {
  if (done.problem) return "a save was refused: " + *done.problem;
  if (done.created != distinct)
    return fmt::format("{} distinct contents were sent, but {} items were created", distinct,
                       done.created);
  if (done.created + done.duplicates != done.items)
    return fmt::format("{} items were sent, but {} were answered as created or duplicate",
                       done.items, done.created + done.duplicates);
  if (stored != distinct)
    return fmt::format("{} distinct contents were sent, but the store holds {} items", distinct,
                       stored);
  return std::nullopt;
}

/// Removes a directory with all that is in it.
struct Removal {
  std::string directory;
  ~Removal() {
    std::error_code ignored;  // it lies in a temporary directory, which is removed as well
    std::filesystem::remove_all(directory, ignored);
  }
};

}  // namespace

BenchRun::BenchRun(const Clock& clock, BenchRunOptions options)
    : clock_(clock), options_(std::move(options)) {}

Result<CaseResult> BenchRun::Measure(const BenchCase& bench_case, const std::stop_token& stop) {
  const auto& stream = StreamOf(bench_case.workload);
  const bool durable = IsDurable(bench_case.workload);
  const Removal store_directory{options_.directory + "/store"};
  auto opened = Open({.directory = durable ? store_directory.directory : "",
                      .database = durable ? options_.database : ""});
  if (!opened) return std::unexpected(opened.error());
  ItemIntegrationService& service = (*opened)->service();
  const StoreStatistics before = (*opened)->StoreStatisticsNow();
  const std::uint64_t heap_before = HeapBytesInUse();

  const Measurement done = Drive(stream,
                                 {.callers = bench_case.callers,
                                  .items_per_call = bench_case.items_per_call,
                                  .time_max = options_.time_max,
                                  .stop = stop},
                                 clock_, [&]() -> Caller {
                                   if (bench_case.items_per_call == 1) return SingleCaller(service);
                                   return BatchCaller(service, bench_case.items_per_call);
                                 });
  const bool interrupted = stop.stop_requested();

  const std::uint64_t heap_after = HeapBytesInUse();
  const StoreStatistics after = (*opened)->StoreStatisticsNow();
  const bool is_shared = durable && !options_.database.empty();
  opened->reset();  // what is on disk counts once the store has put it in order
  const std::uint64_t distinct = CountDistinct(std::span(stream).first(done.items));
  return CaseResult{.workload = bench_case.workload,
                    .callers = bench_case.callers,
                    .items_per_call = bench_case.items_per_call,
                    .items = done.items,
                    .created = done.created,
                    .duplicates = done.duplicates,
                    .elapsed = done.elapsed,
                    .latency_p50 = done.latency.Quantile(0.5),
                    .latency_p99 = done.latency.Quantile(0.99),
                    .syncs = after.syncs - before.syncs,
                    .bytes = is_shared ? after.disk_bytes
                             : durable ? DirectoryBytes(store_directory.directory)
                                       : GrowthOf(heap_before, heap_after),
                    .interrupted = interrupted,
                    .problem = FindProblem(done, distinct, after.items - before.items)};
}

const std::vector<std::uint32_t>& BenchRun::StreamOf(Workload workload) {
  if (stream_workload_ != workload) {
    stream_ = MakeStream(workload, options_.stream_items);
    stream_workload_ = workload;
  }
  return stream_;
}

}  // namespace itemgate::cli
