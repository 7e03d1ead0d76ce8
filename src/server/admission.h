#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/mutex.h"

namespace itemgate::server {

/// Decides whether a new save may begin, so that a server with too much to do stays quick for what it takes on.
///
/// As CoDel (RFC 8289) it looks at the smallest delay within an interval: a burst that is gone within it is no
/// overload, a queue that stands throughout is. The delay is that of saves which went to the store themselves; group
/// commit under load takes about two commits, well below the target. Unlike CoDel it refuses at the entrance, not in
/// the queue: while overloaded it admits as many as, at the rate of the last interval, are finished within the target
/// (Little's law), so the store never idles. An interval in which nobody had to be refused ends the overload.
///
/// Time is passed in. From any thread; Verdict costs a few loads.
class Admission {
 public:
  struct Options {
    /// Above it, for an interval, is overload. Zero: nothing is; for servers with a backend, where saves take long by
    /// nature.
    Duration delay_target = std::chrono::milliseconds(5);
    Duration interval = std::chrono::milliseconds(100);
    std::size_t in_flight_always =
        4096;  // so many may be under way in any case: a slow disk is no overload
    std::size_t in_flight_max = 100'000;  // never more
  };
  enum class Verdict : std::uint8_t { kAdmit, kOverloaded, kTooMany };

  explicit Admission(const Options& options) : options_(options), limit_(options.in_flight_max) {}

  [[nodiscard]] Verdict Ask() const;

  void Began() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  void Ended() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }
  /// A save that went to the store itself took so long.
  void Observe(Duration delay, Instant now) EXCLUDES(mutex_);

  [[nodiscard]] std::size_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool overloaded() const { return overloaded_.load(std::memory_order_relaxed); }
  /// Overloaded, and single saves have shown it lately: what can wait, such as a batch, leaves them the way.
  [[nodiscard]] bool others_have_precedence(Instant now) const;
  /// What a save takes, by the last of them.
  [[nodiscard]] Duration typical_delay() const;

 private:
  void EndInterval(Duration elapsed) REQUIRES(mutex_);

  const Options options_;

  // Each stands alone, so relaxed; a verdict may be a moment old.
  std::atomic<std::size_t> in_flight_ = 0;
  std::atomic<std::size_t> limit_;
  std::atomic<bool> overloaded_ = false;
  mutable std::atomic<bool> refused_ = false;  // somebody, since the interval began
  std::atomic<Duration::rep> typical_delay_ = 0;
  std::atomic<Instant> begin_ = Instant{};  // of the interval; written under the mutex

  Mutex mutex_;
  std::uint64_t count_ GUARDED_BY(mutex_) = 0;
  Duration smallest_ GUARDED_BY(mutex_){};
};

}  // namespace itemgate::server
