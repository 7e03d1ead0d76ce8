#include "bench/workload.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

std::string ContentOf(std::uint32_t number) {
  std::string content(kContentBytes, '\0');
  FillContent(number, std::span<char, kContentBytes>(content));
  return content;
}

/// FNV-1a over whole numbers.
std::uint64_t Fingerprint(const std::vector<std::uint32_t>& numbers) {
  std::uint64_t hash = 1469598103934665603u;
  for (const std::uint32_t number : numbers) hash = (hash ^ number) * 1099511628211u;
  return hash;
}

// Figures can only be compared if everyone sends the same bytes: these come from the programs that measure the others.
TEST(Workload, ContentsAreThoseThatEverybodySends) {
  EXPECT_EQ(ContentOf(0),
            R"({"sku":"0a111d9a85281122","kind":"order","body":"de8f317f5ecde643d1276e08cb75a9e1)"
            "ac24f3c5e7e061d2be87d089cd6e2c18e26f339da55e746524e83bc04b2266f1c17302860b1147e6719b"
            "a38593043da7fcef35ec5bae51ed58d17524049a34f26189b0c582b17516468f5b4439a40e3c55a96250"
            R"(de2f2"})");
  EXPECT_EQ(ContentOf(4'000'000).substr(0, 81),
            R"({"sku":"7c8aabee0973529e","kind":"order","body":"78d58e08e72328d0eebf3c7cce5ff71d)");
}

TEST(Workload, StreamsAreThoseThatEverybodySends) {
  EXPECT_EQ(Fingerprint(MakeStream(Workload::kW1, 10'000)), 0x92d3aa3f1f34d283u);
  EXPECT_EQ(Fingerprint(MakeStream(Workload::kW1, 123'457)), 0xb4c956d6ceaccecbu);
  EXPECT_EQ(Fingerprint(MakeStream(Workload::kW3, 10'000)), 0x95272738c97a3543u);
  EXPECT_EQ(Fingerprint(MakeStream(Workload::kW4, 10'000)), 0x4886dfe02ca6586au);
  EXPECT_EQ(Fingerprint(MakeStream(Workload::kW4, 4'000'000)), 0xa648f73b257c6657u);
}

TEST(Workload, W1SendsEveryContentTwiceWithinABlock) {
  const auto stream = MakeStream(Workload::kW1, 8192);
  EXPECT_EQ(CountDistinct(stream), 4096u);
  EXPECT_EQ(CountDistinct(std::span(stream).first(4096)), 2048u);
}

TEST(Workload, W4IsMostlyDuplicatesOfAFewContents) {
  const auto stream = MakeStream(Workload::kW4, 100'000);
  EXPECT_LE(CountDistinct(stream), 1000u);
  EXPECT_GT(std::ranges::count(stream, 0u), std::ranges::count(stream, 500u) * 50);
}

TEST(Workload, TakesAStreamOfAnyLength) {
  for (const Workload workload : kAllWorkloads) {
    EXPECT_TRUE(MakeStream(workload, 0).empty());
    EXPECT_EQ(MakeStream(workload, 1).size(), 1u);
    EXPECT_EQ(MakeStream(workload, 4097).size(), 4097u);
  }
  EXPECT_EQ(CountDistinct({}), 0u);
}

TEST(Workload, HasANameThatFindsIt) {
  for (const Workload workload : kAllWorkloads) {
    EXPECT_EQ(WorkloadNamed(WorkloadName(workload)), workload);
  }
  EXPECT_EQ(WorkloadNamed("w3"), Workload::kW3);
  EXPECT_EQ(WorkloadNamed("W5"), std::nullopt);
  EXPECT_EQ(WorkloadNamed(""), std::nullopt);
}

}  // namespace
}  // namespace itemgate
