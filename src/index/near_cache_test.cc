#include "index/near_cache.h"

#include <algorithm>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/random.h"

namespace itemgate {
namespace {

ContentKey KeyOf(std::uint64_t number) {
  Random random(number);
  ContentKey key{.length = 256};
  for (std::size_t i = 0; i < key.digest.bytes.size(); i += 8)
    StoreLittle(&key.digest.bytes[i], random.Next());
  return key;
}

TEST(NearCache, KnowsWhatItWasTold) {
  NearCache cache(1000, 7);
  EXPECT_FALSE(cache.Find(KeyOf(1)));
  cache.Insert(KeyOf(1), ItemId{11});
  EXPECT_EQ(cache.Find(KeyOf(1)), ItemId{11});
  EXPECT_FALSE(cache.Find(KeyOf(2)));
}

TEST(NearCache, TellsKeysApartThatDifferInScopeOnlyAndFindsThemByDigestAlone) {
  NearCache cache(1000, 7);
  const ContentKey key = KeyOf(1);
  ContentKey other_scope = key;
  other_scope.scope = Scope::Named("other").value();
  ContentKey digest_alone = key;
  digest_alone.length = 0;
  cache.Insert(key, ItemId{1});
  EXPECT_FALSE(cache.Find(other_scope));
  EXPECT_TRUE(cache.Find(digest_alone));
}

TEST(NearCache, KeepsNoMoreThanItsRoomAndAtMostSixtyBytesForEachKey) {
  constexpr std::size_t kRoom = 80'000;
  NearCache cache(kRoom, 7);
  for (std::uint64_t i = 0; i < 4 * kRoom; ++i) cache.Insert(KeyOf(i), ItemId{i});
  std::size_t known = 0;
  for (std::uint64_t i = 0; i < 4 * kRoom; ++i) known += cache.Find(KeyOf(i)).has_value() ? 1 : 0;
  EXPECT_LT(known, kRoom + 1);
  EXPECT_LE(cache.memory_bytes() / known, 60U);
}

TEST(NearCache, ForgetsTheUnaskedBeforeTheAskedFor) {
  NearCache cache(8, 7);  // one bucket
  for (std::uint64_t i = 0; i < 8; ++i) cache.Insert(KeyOf(i), ItemId{i});
  EXPECT_TRUE(cache.Find(KeyOf(0)));
  for (std::uint64_t i = 100; i < 107; ++i) cache.Insert(KeyOf(i), ItemId{i});
  EXPECT_TRUE(cache.Find(KeyOf(0)));
  EXPECT_FALSE(cache.Find(KeyOf(1)));
}

/// Keys that meet in the first of so many buckets of a cache with that seed.
std::vector<ContentKey> KeysForOneBucket(std::uint64_t seed, std::size_t bucket_count) {
  std::vector<ContentKey> keys;
  for (std::uint64_t i = 0; keys.size() < 64; ++i) {
    const ContentKey key = KeyOf(i);
    if (ContentKeyHash{seed}(key) % bucket_count == 0) keys.push_back(key);
  }
  return keys;
}

std::size_t CountRemembered(std::span<const ContentKey> keys, std::uint64_t seed) {
  NearCache cache(1024, seed);  // 128 buckets
  for (const ContentKey& key : keys) cache.Insert(key, ItemId{1});
  return static_cast<std::size_t>(std::ranges::count_if(
      keys, [&](const ContentKey& key) { return cache.Find(key).has_value(); }));
}

// Whoever crafts contents for one bucket, to have it searched or to push others out of it, needs the process's seed.
TEST(NearCache, KeysThatMeetUnderOneSeedSpreadUnderAnother) {
  const std::vector<ContentKey> crafted = KeysForOneBucket(7, 128);
  EXPECT_EQ(CountRemembered(crafted, 7), 8U);
  for (const std::uint64_t other : {0ULL, 8ULL, 0x5851F42D4C957F2DULL})
    EXPECT_EQ(CountRemembered(crafted, other), crafted.size()) << other;
}

TEST(NearCache, WithoutRoomRemembersNothing) {
  NearCache cache(0, 7);
  cache.Insert(KeyOf(1), ItemId{1});
  EXPECT_FALSE(cache.Find(KeyOf(1)));
}

TEST(NearCache, NeverMixesUpIdsUnderConcurrentUse) {
  NearCache cache(512, 7);
  std::vector<std::jthread> threads;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&cache, seed] {
      Random random(seed);
      for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t number = random.Below(2000);
        const auto id = cache.Find(KeyOf(number));
        ASSERT_EQ(id.value_or(ItemId{number}).value, number);
        cache.Insert(KeyOf(number), ItemId{number});
      }
    });
  }
}

}  // namespace
}  // namespace itemgate
