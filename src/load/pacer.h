#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/random.h"

namespace itemgate::load {

enum class Arrivals : std::uint8_t {
  kConstant,  // one request every 1/rate seconds
  kPoisson,  // as of many senders who know nothing of each other: gaps from an exponential distribution
};

struct PacerOptions {
  Arrivals arrivals = Arrivals::kPoisson;
  double per_second = 1000;                     // > 0
  Duration patience = std::chrono::seconds(1);  // a request that is not sent by then is missed
  std::uint64_t seed = 1;
  int share_index = 0;  // which of `share_count` generators that make the rate together
  int share_count = 1;
};

/// Says when requests are due: by a schedule that was fixed beforehand and does not wait for answers. Whoever sends a
/// request later than it was due counts its latency from then all the same.
///
/// One thread. Needs no memory for requests that are due and not sent: they are all alike.
class Pacer {
 public:
  /// The schedule begins at `start` and has nothing at or after `end`.
  Pacer(const PacerOptions& options, Instant start, Instant end);

  /// Takes the oldest request that is due: when it was due. Nothing if none is. Those that waited longer than the
  /// patience are counted as missed and left out.
  [[nodiscard]] std::optional<Instant> Take(Instant now);

  /// Counts what waited longer than the patience as missed, without taking anything.
  void DropMissed(Instant now);

  /// Nothing is due from `end` on, if that is earlier than before.
  void EndAt(Instant end);

  /// When the next request is due, or was; nothing at the end of the schedule.
  [[nodiscard]] std::optional<Instant> next() const;
  [[nodiscard]] std::uint64_t missed() const { return missed_; }

 private:
  void Advance();

  const PacerOptions options_;
  const Instant start_;
  Instant end_;
  Random random_;
  double due_seconds_;  // of the next request, after `start_`
  std::uint64_t index_ = 0;
  std::uint64_t missed_ = 0;
};

}  // namespace itemgate::load
