#include "base/random.h"

#include <sys/random.h>

#include "base/check.h"

namespace itemgate {

std::uint64_t UnpredictableSeed() {
  std::uint64_t seed = 0;
  ITEMGATE_CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

}  // namespace itemgate
