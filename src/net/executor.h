#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"

namespace itemgate {

/// Names a task that waits for its time; 0 names none.
enum class TimerId : std::uint64_t {};

/// The seam to scheduling: whoever runs tasks, at once or later. Real threads or a simulated world.
///
/// Safe from any thread; tasks may post tasks. A task never runs inside the call that posts it.
class Executor {
 public:
  using Task = std::move_only_function<void()>;

  virtual ~Executor() = default;

  /// Runs the task soon, after the tasks posted before it have started.
  virtual void Post(Task task) = 0;
  /// Runs the task once, when `delay` has passed on the executor's clock.
  virtual TimerId PostAfter(Duration delay, Task task) = 0;
  /// Takes the task back. False if it has started already, or will.
  virtual bool Cancel(TimerId timer) = 0;
};

}  // namespace itemgate
