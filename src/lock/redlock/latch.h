#pragma once

#include <cstddef>

#include "base/mutex.h"

namespace itemgate::redlock {

/// What one thread waits for and another one brings, once or several times. Lives on the stack of who waits: whoever
/// counts down last does not touch it afterwards. Sleeps at once, for nobody answers within the time of spinning.
class Latch {
 public:
  explicit Latch(std::size_t count) : left_(count) {}

  void CountDown() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (--left_ == 0) changed_.NotifyOne();  // under the mutex, or the latch might be gone
  }
  void Wait() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (left_ > 0) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  ConditionVariable changed_;
  std::size_t left_ GUARDED_BY(mutex_);
};

}  // namespace itemgate::redlock
