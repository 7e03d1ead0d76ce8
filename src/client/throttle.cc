#include "client/throttle.h"

namespace itemgate::client {

bool Throttle::MaySend(Instant now, double fraction) {
  if (multiplier_ <= 0) return true;
  const Counts recent = counts_.Sum(now);
  const auto wanted = static_cast<double>(recent.taken + recent.not_taken);
  const double to_send =
      multiplier_ * static_cast<double>(recent.taken) + kAlwaysPerSecond * counts_.seconds();
  if (fraction * wanted >= wanted - to_send) return true;
  OnRefused(now);
  return false;
}

}  // namespace itemgate::client
