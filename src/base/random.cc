#include "base/random.h"

#include <sys/random.h>

#include <algorithm>

#include "base/check.h"

namespace itemgate {

std::uint64_t UnpredictableSeed() {
  std::uint64_t seed = 0;
  ITEMGATE_CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

void FillUnpredictable(std::span<std::byte> bytes) {
  constexpr std::size_t kAtOnce = 256;  // more may come short
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kAtOnce);
    ITEMGATE_CHECK(getrandom(bytes.data(), count, 0) == static_cast<ssize_t>(count));
    bytes = bytes.subspan(count);
  }
}

}  // namespace itemgate
