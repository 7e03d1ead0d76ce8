#pragma once

#include <memory>

#include "base/clock.h"
#include "net/descriptor.h"
#include "net/event_loop.h"

namespace itemgate::load {

/// Wakes a loop after a time that is exact to some microseconds; the loop's own timers are exact to a millisecond.
/// Belongs to the loop's thread. Costs one system call for each Arm.
class PreciseTimer final : private ReadinessHandler {
 public:
  /// `loop` must outlive the timer. Fails with kIo if the process is out of descriptors.
  [[nodiscard]] static Result<std::unique_ptr<PreciseTimer>> Make(EventLoop& loop,
                                                                  Executor::Task task);
  ~PreciseTimer() override;

  /// Runs the task once, after that time, instead of what was armed before.
  void Arm(Duration delay);

 private:
  PreciseTimer(EventLoop& loop, Executor::Task task, Descriptor timer);
  void Ready(Readiness readiness) override;

  EventLoop& loop_;
  Executor::Task task_;
  Descriptor timer_;
};

}  // namespace itemgate::load
