#include "server/request_counts.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate::server {
namespace {

using namespace std::chrono_literals;

TEST(RequestCounts, KeepsKindsApartAndSortsThem) {
  RequestCounts counts;
  counts.Count("/v1/items", "POST", 201, 1ms);
  counts.Count("/v1/items", "POST", 200, 2ms);
  counts.Count("/v1/items", "GET", 200, 3ms);
  counts.Count("/v1/items", "POST", 201, 4ms);
  const auto all = counts.Snapshot();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].method, "GET");
  EXPECT_EQ(all[1].status, 200);
  EXPECT_EQ(all[2].status, 201);
  EXPECT_EQ(all[2].count(), 2U);
  EXPECT_EQ(all[2].total, 5ms);
}

TEST(RequestCounts, CountsDurationsUpToEachBound) {
  RequestCounts counts;
  for (const Duration took : {Duration(-1), Duration(0), Duration(100us), Duration(100us) + 1ns,
                              Duration(60s), Duration(2h)})
    counts.Count("/", "GET", 200, took);
  const auto classes = counts.Snapshot().front().classes;
  EXPECT_EQ(classes[0], 3U);
  EXPECT_EQ(classes[1], 1U);
  EXPECT_EQ(classes[RequestCounts::kClassCount - 2], 1U);
  EXPECT_EQ(classes[RequestCounts::kClassCount - 1], 1U);
}

TEST(RequestCounts, CountsWhatIsBeyondItsLimitTogether) {
  RequestCounts counts;
  for (int status = 0; status < 1000; ++status) counts.Count("/x", "GET", status, 1ms);
  const auto all = counts.Snapshot();
  ASSERT_EQ(all.size(), RequestCounts::kSeriesMax + 1);
  EXPECT_EQ(all.back().route, "other");
  EXPECT_EQ(all.back().count(), 1000U - RequestCounts::kSeriesMax);
}

TEST(RequestCounts, LosesNothingWhenManyThreadsCount) {
  RequestCounts counts;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&counts] {
      for (int i = 0; i < 2000; ++i) counts.Count("/", "GET", 200 + i % 20, 1us);
    });
  }
  threads.clear();
  std::uint64_t sum = 0;
  for (const auto& series : counts.Snapshot()) sum += series.count();
  EXPECT_EQ(counts.Snapshot().size(), 20U);
  EXPECT_EQ(sum, 16'000U);
}

}  // namespace
}  // namespace itemgate::server
