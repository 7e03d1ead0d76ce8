#include "core/look_policy.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

using namespace std::chrono_literals;

/// So many calls of so many contents each, of which the cache knows a share; how many of the calls looked.
int Calls(LookPolicy& policy, int count, std::size_t keys, double hit_share, Duration look,
          Duration save) {
  int looks = 0;
  double hits = 0;  // spread evenly
  for (int i = 0; i < count; ++i) {
    if (policy.ShouldLook(keys)) {
      ++looks;
      hits += hit_share * static_cast<double>(keys);
      const auto whole = static_cast<std::size_t>(hits);
      hits -= static_cast<double>(whole);
      policy.Looked(keys, whole, look);
      if (whole == keys) continue;
    }
    policy.Saved(keys, save);
  }
  return looks;
}

TEST(LookPolicy, LooksAsLongAsItIsWorthIt) {
  LookPolicy policy;
  EXPECT_EQ(Calls(policy, 10'000, 1, 0.5, 200us, 2ms), 10'000);
}

TEST(LookPolicy, HardlyLooksWhenMostContentsAreNew) {
  LookPolicy policy;
  EXPECT_LT(Calls(policy, 10'000, 1, 0.01, 200us, 1ms), 300);
}

TEST(LookPolicy, HardlyLooksIntoACacheThatIsSlowerThanTheStore) {
  LookPolicy policy;
  EXPECT_LT(Calls(policy, 10'000, 1, 0.5, 20ms, 1ms), 300);
}

TEST(LookPolicy, LooksForTheSakeOfASlowBackendEvenIfDuplicatesAreRare) {
  LookPolicy policy;
  EXPECT_EQ(Calls(policy, 10'000, 1, 0.02, 200us, 2s), 10'000);
}

TEST(LookPolicy, NoticesThatItPaysAgain) {
  LookPolicy policy;
  EXPECT_LT(Calls(policy, 2'000, 1, 0, 200us, 2ms), 200);
  Calls(policy, 5 * LookPolicy::kProbeEvery, 1, 1, 200us, 2ms);
  EXPECT_EQ(Calls(policy, 1'000, 1, 1, 200us, 2ms), 1'000);
}

TEST(LookPolicy, MeasuresBatchesByTheContentAndApartFromSingleOnes) {
  LookPolicy policy;
  EXPECT_LT(Calls(policy, 2'000, 1, 0, 200us, 2ms), 200);
  EXPECT_EQ(Calls(policy, 100, 1000, 0.5, 2ms, 40ms), 100);
  EXPECT_EQ(Calls(policy, 100, 20, 0.5, 40us, 800us), 100);  // the same for each content
  EXPECT_LT(Calls(policy, 1'000, 100, 0.5, 10ms, 4ms), 200);
}

}  // namespace
}  // namespace itemgate
