#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "base/clock.h"
#include "net/executor.h"

namespace itemgate {

/// A clock that stands still until it is told to move. One thread.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] Instant Now() const override { return now_; }
  [[nodiscard]] WallTime WallNow() const override {
    return WallTime{} + std::chrono::years(50) +
           std::chrono::floor<std::chrono::microseconds>(now_.time_since_epoch());
  }
  void Set(Instant now) { now_ = now; }

 private:
  Instant now_{};
};

/// Runs tasks only when told to, in a fixed order, on the caller's thread.
class ManualExecutor final : public Executor {
 public:
  explicit ManualExecutor(ManualClock& clock) : clock_(clock) {}

  void Post(Task task) override { ready_.push_back(std::move(task)); }

  TimerId PostAfter(Duration delay, Task task) override {
    const TimerId id{++last_timer_};
    waiting_.try_emplace({clock_.Now() + delay, id}, std::move(task));
    return id;
  }

  bool Cancel(TimerId timer) override {
    return std::erase_if(waiting_, [&](const auto& entry) { return entry.first.second == timer; }) >
           0;
  }

  /// Runs one posted task; false if there is none.
  bool RunOne() {
    if (ready_.empty()) return false;
    Task task = std::move(ready_.front());
    ready_.pop_front();
    task();
    return true;
  }

  /// Runs what is posted, and what that posts, until nothing is left but the waiting.
  void RunUntilIdle() {
    while (RunOne()) {
    }
  }

  /// Lets time pass: what becomes due runs at its own time, in order.
  void Advance(Duration duration) {
    const Instant end = clock_.Now() + duration;
    RunUntilIdle();
    while (!waiting_.empty() && waiting_.begin()->first.first <= end) {
      auto due = waiting_.extract(waiting_.begin());
      clock_.Set(due.key().first);
      due.mapped()();
      RunUntilIdle();
    }
    clock_.Set(end);
  }

  [[nodiscard]] std::size_t posted_count() const { return ready_.size(); }
  [[nodiscard]] std::size_t waiting_count() const { return waiting_.size(); }

 private:
  ManualClock& clock_;
  std::deque<Task> ready_;
  std::map<std::pair<Instant, TimerId>, Task> waiting_;
  std::uint64_t last_timer_ = 0;
};

}  // namespace itemgate
