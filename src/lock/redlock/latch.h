#pragma once

#include <semaphore.h>

#include <cstddef>

namespace itemgate::redlock {

/// What one thread waits for and another one brings, once or several times. Lives on the stack of who waits: whoever
/// counts down last does not touch it afterwards, which POSIX asks of its semaphores. Sleeps at once, for nobody
/// answers within the time of spinning.
class Latch {
 public:
  explicit Latch(std::size_t count) : left_(count) { sem_init(&counted_, 0, 0); }
  ~Latch() { sem_destroy(&counted_); }
  Latch(const Latch&) = delete;
  Latch& operator=(const Latch&) = delete;

  void CountDown() { sem_post(&counted_); }
  void Wait() {
    while (left_ > 0)
      if (sem_wait(&counted_) == 0) --left_;  // it may be interrupted by a signal
  }

 private:
  std::size_t left_;  // of who waits
  sem_t counted_;
};

}  // namespace itemgate::redlock
