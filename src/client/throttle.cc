#include "client/throttle.h"

namespace itemgate::client {

bool Throttle::TrySend(Instant now, double fraction) {
  if (multiplier_ <= 0) return true;
  ++counts_.At(now).wanted;
  constexpr double kAlways = kAlwaysPerSecond * std::chrono::duration<double>(kPeriod).count() *
                             RecentCounts<Counts>::kPeriods;
  const Counts recent = counts_.Sum(now);
  const auto wanted = static_cast<double>(recent.wanted);
  const double sent = multiplier_ * static_cast<double>(recent.taken) + kAlways;
  return fraction * wanted >= wanted - sent;
}

}  // namespace itemgate::client
