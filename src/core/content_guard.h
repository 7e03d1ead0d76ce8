#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "itemgate/content_key.h"
#include "itemgate/lock.h"
#include "itemgate/service.h"
#include "net/executor.h"

namespace itemgate {

/// Decides whether a lock that did not answer is asked again: after some failures in a row only now and then, by one
/// caller. Sans I/O. Threads: any.
class LockBreaker {
 public:
  static constexpr int kFailuresMax = 3;
  static constexpr Duration kPause = std::chrono::seconds(1);

  [[nodiscard]] bool MayAsk(Instant now) EXCLUDES(mutex_);
  void Answered() EXCLUDES(mutex_);
  void Failed(Instant now) EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  int failures_ GUARDED_BY(mutex_) = 0;  // in a row
  Instant next_ GUARDED_BY(mutex_){};    // if there are too many
};

/// What became of asking for the lock of a content.
struct Guarded {
  enum class State : std::uint8_t {
    kMine,       // until `lease` is destroyed
    kBusy,       // somebody else has it
    kUnguarded,  // nobody can know
  };
  State state = State::kUnguarded;
  std::unique_ptr<Lease> lease;
};

/// Takes the locks of contents, within bounds: whatever the lock does, the answer comes in time.
///
/// Threads: any. All parts must outlive it, and every question must have been answered before it is destroyed. What
/// the lock throws counts as no answer.
class ContentGuard {
 public:
  struct Parts {
    ContentLock& lock;
    Executor& executor;
    const Clock& clock;
  };
  using Done = std::move_only_function<void(std::vector<Guarded>)>;

  /// `time_max`: how long the lock may take to answer for one content.
  ContentGuard(const Parts& parts, Duration time_max) : parts_(parts), time_max_(time_max) {}

  /// Asks for all of them together, waiting up to `wait` for whoever has one. Calls `done` once, with one answer for
  /// each, here or later.
  void Acquire(std::span<const ContentKey> keys, Duration wait, Done done);

  /// The work under that lease is done: counts whether it was lost meanwhile.
  void Finished(const Lease& lease);

  [[nodiscard]] LockStatistics Statistics() const;

  /// The name of a content's lock: "scope/digest".
  [[nodiscard]] static std::string NameOf(const ContentKey& key);

 private:
  using Answer = Result<std::unique_ptr<Lease>>;

  [[nodiscard]] std::vector<Guarded> Take(std::vector<std::optional<Answer>> answers);
  void Count(std::atomic<std::uint64_t>& counter, std::uint64_t count = 1) {
    counter.fetch_add(count, std::memory_order_relaxed);
  }

  const Parts parts_;
  const Duration time_max_;
  LockBreaker breaker_;

  // Relaxed: each stands alone.
  std::atomic<std::uint64_t> acquired_ = 0;
  std::atomic<std::uint64_t> busy_ = 0;
  std::atomic<std::uint64_t> unavailable_ = 0;
  std::atomic<std::uint64_t> skipped_ = 0;
  std::atomic<std::uint64_t> lost_ = 0;
};

}  // namespace itemgate
