#include "postgres/breaker.h"

#include <algorithm>

namespace itemgate::postgres {

void Breaker::Failed(Instant now) {
  const Duration doubled = options_.delay_min * (std::int64_t{1} << std::min(failures_, 20U));
  const Duration longest = std::min(doubled, options_.delay_max);
  // Between half of it and all of it.
  const auto jitter =
      static_cast<std::int64_t>(random_.Fraction() * static_cast<double>(longest.count() / 2));
  next_try_ = now + longest - Duration(jitter);
  ++failures_;
}

void Breaker::Succeeded() {
  failures_ = 0;
  next_try_ = {};
}

}  // namespace itemgate::postgres
