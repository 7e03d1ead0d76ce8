#pragma once

#include <memory>
#include <string>

#include "net/executor.h"

namespace itemgate {

/// Runs tasks on its own threads, by the machine's monotonic clock.
///
/// An exception that leaves a task ends the process.
class ThreadExecutor final : public Executor {
 public:
  enum class Priority {
    kNormal,
    kLow,  // a nice value of 10, a tenth of the others' share of a processor: for what nobody waits for, as a rule
  };

  /// Starts `thread_count` threads named `name` (at most 15 characters, seen in `top -H`).
  ThreadExecutor(const std::string& name, int thread_count, Priority priority = Priority::kNormal);
  /// Stops, if that was not done.
  ~ThreadExecutor() override;

  void Post(Task task) override;
  TimerId PostAfter(Duration delay, Task task) override;
  bool Cancel(TimerId timer) override;

  /// Runs what was posted, drops what still waits for its time, and ends the threads. What is posted later is dropped.
  /// REQUIRES: not called from one of its own threads.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate
