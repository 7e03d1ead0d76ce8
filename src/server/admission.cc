#include "server/admission.h"

#include <algorithm>

namespace itemgate::server {

Admission::Verdict Admission::Ask() const {
  const std::size_t in_flight = in_flight_.load(std::memory_order_relaxed);
  if (in_flight < limit_.load(std::memory_order_relaxed)) return Verdict::kAdmit;
  refused_.store(true, std::memory_order_relaxed);
  return in_flight < options_.in_flight_max ? Verdict::kOverloaded : Verdict::kTooMany;
}

bool Admission::others_have_precedence(Instant now) const {
  return overloaded() && now - begin_.load(std::memory_order_relaxed) < 10 * options_.interval;
}

Duration Admission::typical_delay() const {
  return Duration(typical_delay_.load(std::memory_order_relaxed));
}

void Admission::Observe(Duration delay, Instant now) {
  const Duration typical = typical_delay();
  typical_delay_.store((typical + (delay - typical) / 8).count(), std::memory_order_relaxed);
  if (options_.delay_target == Duration::zero()) return;

  const MutexLock lock(mutex_);
  smallest_ = count_ == 0 ? delay : std::min(smallest_, delay);
  ++count_;
  const Duration elapsed = now - begin_.load(std::memory_order_relaxed);
  if (elapsed < options_.interval) return;
  // After a pause, an interval would be judged by a single save: that one only begins the next.
  if (elapsed < 2 * options_.interval || overloaded()) EndInterval(elapsed);
  begin_.store(now, std::memory_order_relaxed);
  count_ = 0;
}

void Admission::EndInterval(Duration elapsed) {
  const bool refused = refused_.exchange(false, std::memory_order_relaxed);
  const bool overloaded_now = smallest_ > options_.delay_target || (overloaded() && refused);
  overloaded_.store(overloaded_now, std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(elapsed).count();
  const double target = std::chrono::duration<double>(options_.delay_target).count();
  const auto finished_within_target =
      static_cast<std::size_t>(static_cast<double>(count_) / seconds * target);
  limit_.store(overloaded_now ? std::clamp(finished_within_target, options_.in_flight_always,
                                           options_.in_flight_max)
                              : options_.in_flight_max,
               std::memory_order_relaxed);
}

}  // namespace itemgate::server
