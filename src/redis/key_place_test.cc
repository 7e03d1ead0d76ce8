#include "redis/key_place.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate::redis {
namespace {

TEST(ClusterSlot, IsThatOfTheSpecification) {
  EXPECT_EQ(ClusterSlot("123456789"), 0x31C3);  // the specification's check value
  EXPECT_EQ(ClusterSlot("foo"), 12182);
  EXPECT_EQ(ClusterSlot(""), 0);
}

TEST(ClusterSlot, CountsOnlyTheFirstHashTag) {
  EXPECT_EQ(ClusterSlot("{user1000}.following"), ClusterSlot("user1000"));
  EXPECT_EQ(ClusterSlot("a{b}{c}"), ClusterSlot("b"));
  EXPECT_EQ(ClusterSlot("foo{{bar}}zap"), ClusterSlot("{bar"));
  EXPECT_NE(ClusterSlot("foo{}{bar}"), ClusterSlot("bar"));
  EXPECT_NE(ClusterSlot("{open"), ClusterSlot("open"));
}

TEST(RendezvousNode, SpreadsEvenlyAndMovesOnlyTheKeysOfANewNode) {
  const std::vector<std::string> four{"a:1", "b:1", "c:1", "d:1"};
  std::vector<std::string> five = four;
  five.emplace_back("e:1");
  constexpr int kKeys = 20'000;
  std::array<int, 5> counts{};
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = "key" + std::to_string(i);
    const std::size_t before = RendezvousNode(key, four);
    const std::size_t after = RendezvousNode(key, five);
    ++counts[after];
    EXPECT_TRUE(after == before || after == 4u) << key;
  }
  for (const int count : counts) EXPECT_NEAR(count, kKeys / 5, kKeys / 50);
}

TEST(RendezvousNode, IsTheSameForEverAndInAnyOrder) {
  const std::vector<std::string> nodes{"a:1", "b:1", "c:1"};
  const std::vector<std::string> turned{"c:1", "a:1", "b:1"};
  for (const std::string key : {"x", "y", "z", "item"})
    EXPECT_EQ(nodes[RendezvousNode(key, nodes)], turned[RendezvousNode(key, turned)]);
}

}  // namespace
}  // namespace itemgate::redis
