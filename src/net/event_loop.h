#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "itemgate/error.h"
#include "net/executor.h"

namespace itemgate {

/// What a descriptor can be waited for, and what it is ready for. Values may be combined.
enum class Readiness : std::uint8_t { kNone = 0, kRead = 1, kWrite = 2, kReadOrWrite = 3 };

[[nodiscard]] constexpr bool Includes(Readiness all, Readiness part) {
  return (static_cast<std::uint8_t>(all) & static_cast<std::uint8_t>(part)) != 0;
}

/// Is told when its descriptor is ready. On the loop's thread.
class ReadinessHandler {
 public:
  virtual ~ReadinessHandler() = default;
  /// A descriptor whose peer is gone or that failed is ready for everything: reading or writing it tells more.
  virtual void Ready(Readiness readiness) = 0;
};

/// One thread that waits for descriptors, for timers and for tasks from other threads (epoll, level-triggered).
///
/// A round: what is ready is told to its handlers, what was posted or is due is run, with what that posts (bounded),
/// and then what was left for the end of the round, so that whatever the others have to write can leave in one write.
///
/// Threads: Post, PostAfter, Cancel and Stop from any thread; the rest from within the loop (tasks, handlers), or
/// before Run. Owns neither descriptors nor handlers; a handler is not called any more once Unwatch has returned. Cost:
/// one epoll_wait for each round, however many are ready; a post wakes a sleeping loop once for each round.
class EventLoop final : public Executor {
 public:
  /// `clock` must outlive the loop. Aborts if the process is out of descriptors.
  explicit EventLoop(const Clock& clock);
  ~EventLoop() override;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs on this thread until Stop; then runs the tasks that were posted before Stop, maybe some that came later, and
  /// returns. Other tasks, and timers that were not due, are dropped when the loop is destroyed.
  void Run();
  void Stop();

  void Post(Task task) override;
  TimerId PostAfter(Duration delay, Task task) override;
  bool Cancel(TimerId timer) override;

  /// Runs the task at the end of this round, even if that has begun, in the order of these calls. On the loop's thread.
  void AtEndOfRound(Task task);

  /// Fails with kIo if the system has no room. REQUIRES: `fd` is not watched.
  [[nodiscard]] Result<void> Watch(int fd, Readiness wanted, ReadinessHandler& handler);
  /// REQUIRES: `fd` is watched with this handler.
  void ChangeWatch(int fd, Readiness wanted, ReadinessHandler& handler);
  void Unwatch(int fd, ReadinessHandler& handler);

  /// The time at which this round began; costs nothing.
  [[nodiscard]] Instant RoundTime() const;
  [[nodiscard]] bool OnLoopThread() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate
