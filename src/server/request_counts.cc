#include "server/request_counts.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <tuple>

namespace itemgate::server {
namespace {

constexpr std::size_t kShardCount = 8;

/// A number of this thread's, so that few threads count in the same memory.
std::size_t ShardOfThread() {
  static std::atomic<std::size_t> threads = 0;  // relaxed: any numbers will do
  thread_local const std::size_t shard =
      threads.fetch_add(1, std::memory_order_relaxed) % kShardCount;
  return shard;
}

std::size_t ClassOf(Duration took) {
  return static_cast<std::size_t>(std::ranges::lower_bound(RequestCounts::kBounds, took) -
                                  RequestCounts::kBounds.begin());
}

std::size_t HashOf(std::string_view route, std::string_view method, int status) {
  const std::size_t method_and_status =
      static_cast<std::size_t>(status) * 31 + (method.empty() ? 0 : std::size_t(method[0]));
  return std::hash<std::string_view>()(route) + method_and_status * 0x9E3779B97F4A7C15U;
}

}  // namespace

struct RequestCounts::Counter {
  /// All its numbers only grow, and none hangs on another: relaxed order suffices.
  struct alignas(64) Shard {
    std::array<std::atomic<std::uint64_t>, kClassCount> classes{};
    std::atomic<std::uint64_t> nanoseconds = 0;
  };

  [[nodiscard]] bool IsOf(std::string_view r, std::string_view m, int s) const {
    return status == s && route == r && method == m;
  }

  std::string route;
  std::string method;
  int status = 0;
  std::array<Shard, kShardCount> shards{};
};

std::uint64_t RequestCounts::Series::count() const {
  return std::accumulate(classes.begin(), classes.end(), std::uint64_t{0});
}

RequestCounts::RequestCounts() {
  counters_.push_back(std::make_unique<Counter>());
  other_ = counters_.back().get();
  other_->route = other_->method = "other";
}

RequestCounts::~RequestCounts() = default;

void RequestCounts::Count(std::string_view route, std::string_view method, int status,
                          Duration took) {
  Counter::Shard& shard = CounterOf(route, method, status).shards[ShardOfThread()];
  shard.classes[ClassOf(took)].fetch_add(1, std::memory_order_relaxed);
  shard.nanoseconds.fetch_add(static_cast<std::uint64_t>(std::max(took, Duration{}).count()),
                              std::memory_order_relaxed);
}

RequestCounts::Counter& RequestCounts::CounterOf(std::string_view route, std::string_view method,
                                                 int status) {
  for (std::size_t at = HashOf(route, method, status);; ++at) {
    Counter* counter = slots_[at % slots_.size()].load(std::memory_order_acquire);
    if (counter == nullptr) return Add(route, method, status);
    if (counter->IsOf(route, method, status)) return *counter;
  }
}

RequestCounts::Counter& RequestCounts::Add(std::string_view route, std::string_view method,
                                           int status) {
  const MutexLock lock(mutex_);
  for (std::size_t at = HashOf(route, method, status);; ++at) {
    std::atomic<Counter*>& slot = slots_[at % slots_.size()];
    Counter* counter = slot.load(std::memory_order_acquire);
    if (counter != nullptr && counter->IsOf(route, method, status)) return *counter;
    if (counter != nullptr) continue;
    if (counters_.size() > kSeriesMax) return *other_;
    counters_.push_back(std::make_unique<Counter>());
    counter = counters_.back().get();
    counter->route = route;
    counter->method = method;
    counter->status = status;
    slot.store(counter, std::memory_order_release);
    return *counter;
  }
}

std::vector<RequestCounts::Series> RequestCounts::Snapshot() const {
  std::vector<Series> all;
  {
    const MutexLock lock(mutex_);
    for (const auto& counter : counters_) {
      Series series{.route = counter->route, .method = counter->method, .status = counter->status};
      for (const Counter::Shard& shard : counter->shards) {
        for (std::size_t i = 0; i < kClassCount; ++i)
          series.classes[i] += shard.classes[i].load(std::memory_order_relaxed);
        series.total +=
            Duration(static_cast<Duration::rep>(shard.nanoseconds.load(std::memory_order_relaxed)));
      }
      if (series.count() > 0) all.push_back(std::move(series));
    }
  }
  std::ranges::sort(all, {}, [](const Series& series) {
    return std::tie(series.route, series.method, series.status);
  });
  return all;
}

}  // namespace itemgate::server
