#include "obs/heap.h"

#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

TEST(Heap, SeesWhatWasTaken) {
  const std::uint64_t before = HeapBytesInUse();
  std::vector<std::vector<std::byte>> taken;
  for (int i = 0; i < 1000; ++i) taken.emplace_back(1000);
  const std::uint64_t after = HeapBytesInUse();
  if (before == 0) {
    EXPECT_EQ(after, 0u);  // a sanitizer's allocator does not tell
  } else {
    EXPECT_GE(after, before + 1'000'000);
    EXPECT_LE(after, before + 1'200'000);
  }
}

}  // namespace
}  // namespace itemgate
