#include "load/precise_timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace itemgate::load {

Result<std::unique_ptr<PreciseTimer>> PreciseTimer::Make(EventLoop& loop, Executor::Task task) {
  Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer.is_open()) return Fail(ErrorCode::kIo, "cannot make a timer: no descriptor is free");
  std::unique_ptr<PreciseTimer> made(new PreciseTimer(loop, std::move(task), std::move(timer)));
  if (auto watched = loop.Watch(made->timer_.get(), Readiness::kRead, *made); !watched) {
    made->timer_.Close();
    return std::unexpected(watched.error());
  }
  return made;
}

PreciseTimer::PreciseTimer(EventLoop& loop, Executor::Task task, Descriptor timer)
    : loop_(loop), task_(std::move(task)), timer_(std::move(timer)) {}

PreciseTimer::~PreciseTimer() {
  if (timer_.is_open()) loop_.Unwatch(timer_.get(), *this);
}

void PreciseTimer::Arm(Duration delay) {
  const Duration positive = std::max(delay, Duration(1));  // zero would disarm it
  const auto seconds = std::chrono::floor<std::chrono::seconds>(positive);
  itimerspec when{};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec = (positive - seconds).count();
  ITEMGATE_CHECK(::timerfd_settime(timer_.get(), 0, &when, nullptr) == 0);
}

void PreciseTimer::Ready(Readiness /*readiness*/) {
  std::uint64_t expirations = 0;
  if (::read(timer_.get(), &expirations, sizeof expirations) > 0) task_();
}

}  // namespace itemgate::load
