#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace itemgate::server {

/// Counts answered requests by route, method and status, and how long they took.
///
/// Any thread. Counting is two relaxed additions to memory that few threads share, about 30 ns; the first request of a
/// kind allocates. Kinds beyond kSeriesMax are counted together, as route "other".
class RequestCounts {
 public:
  static constexpr std::size_t kSeriesMax = 256;

  /// The upper bounds of the classes of durations; the last class is above all of them.
  static constexpr std::array<Duration, 17> kBounds{
      std::chrono::microseconds(100),  std::chrono::microseconds(250),
      std::chrono::microseconds(500),  std::chrono::milliseconds(1),
      std::chrono::microseconds(2500), std::chrono::milliseconds(5),
      std::chrono::milliseconds(10),   std::chrono::milliseconds(25),
      std::chrono::milliseconds(50),   std::chrono::milliseconds(100),
      std::chrono::milliseconds(250),  std::chrono::milliseconds(500),
      std::chrono::seconds(1),         std::chrono::milliseconds(2500),
      std::chrono::seconds(5),         std::chrono::seconds(10),
      std::chrono::seconds(60)};
  static constexpr std::size_t kClassCount = kBounds.size() + 1;

  /// What was counted of one kind of request.
  struct Series {
    std::string route;
    std::string method;
    int status = 0;
    std::array<std::uint64_t, kClassCount> classes{};  // how many took so long
    Duration total{};

    [[nodiscard]] std::uint64_t count() const;
  };

  RequestCounts();
  ~RequestCounts();
  RequestCounts(const RequestCounts&) = delete;
  RequestCounts& operator=(const RequestCounts&) = delete;

  void Count(std::string_view route, std::string_view method, int status, Duration took)
      EXCLUDES(mutex_);

  /// All kinds, sorted by route, method and status. Not one instant's picture: others go on counting.
  [[nodiscard]] std::vector<Series> Snapshot() const EXCLUDES(mutex_);

 private:
  struct Counter;

  Counter& CounterOf(std::string_view route, std::string_view method, int status);
  Counter& Add(std::string_view route, std::string_view method, int status) EXCLUDES(mutex_);

  // An open table, twice as large as it can get full. Slots change once, from null to a counter; release and acquire
  // order publishes what the counter is about.
  std::array<std::atomic<Counter*>, 2 * kSeriesMax> slots_{};

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Counter>> counters_ GUARDED_BY(mutex_);
  Counter* other_;  // constant after construction
};

}  // namespace itemgate::server
