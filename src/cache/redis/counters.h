#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "itemgate/seen_cache.h"

namespace itemgate::seen {

/// What SeenCacheStatistics tells. Any thread; each number by itself (relaxed), for nothing depends on them.
class Counters {
 public:
  using Count = std::atomic<std::uint64_t>;

  Count looks{0};
  Count hits{0};
  Count misses{0};
  Count mac_failures{0};
  Count timeouts{0};
  Count errors{0};
  Count fills{0};
  Count fills_lost{0};
  Count nodes{0};
  Count nodes_ready{0};

  static void Add(Count& count, std::uint64_t number) {
    count.fetch_add(number, std::memory_order_relaxed);
  }

  /// One thread: the loop's.
  void AddRoundTrip(Duration round_trip) {
    const std::int64_t before = round_trip_.load(std::memory_order_relaxed);
    round_trip_.store(
        before == 0 ? round_trip.count() : before + (round_trip.count() - before) / kSmoothing,
        std::memory_order_relaxed);
  }

  [[nodiscard]] SeenCacheStatistics Read() const {
    const auto read = [](const Count& count) { return count.load(std::memory_order_relaxed); };
    return {.looks = read(looks),
            .hits = read(hits),
            .misses = read(misses),
            .mac_failures = read(mac_failures),
            .timeouts = read(timeouts),
            .errors = read(errors),
            .fills = read(fills),
            .fills_lost = read(fills_lost),
            .round_trip = Duration(round_trip_.load(std::memory_order_relaxed)),
            .nodes = read(nodes),
            .nodes_ready = read(nodes_ready)};
  }

 private:
  static constexpr std::int64_t kSmoothing = 16;
  std::atomic<std::int64_t> round_trip_{0};  // nanoseconds; 0: none
};

}  // namespace itemgate::seen
