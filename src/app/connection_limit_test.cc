#include "app/connection_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace itemgate {
namespace {

Result<std::size_t> ConnectionsOf(std::uint64_t files_max, std::size_t wanted = 20'000) {
  return ConnectionsWithin({.open_files = 20, .open_files_max = files_max}, wanted, 2, 1);
}

TEST(ConnectionLimit, IsThatOfTheSettingsIfThereAreDescriptorsEnough) {
  EXPECT_EQ(*ConnectionsOf(65'536), 20'000U);
  EXPECT_EQ(*ConnectionsOf(~std::uint64_t{0}), 20'000U);  // RLIM_INFINITY
  EXPECT_EQ(*ConnectionsOf(0), 20'000U);                  // not told
  EXPECT_EQ(*ConnectionsOf(200, 2), 2U);
}

TEST(ConnectionLimit, LeavesDescriptorsForAllElse) {
  const std::size_t connections = *ConnectionsOf(1024);
  EXPECT_LT(connections, 1024U - 20 - kManagementConnectionsMax);
  EXPECT_GT(connections, 800U);
  EXPECT_EQ(*ConnectionsOf(1025), connections + 1);
}

TEST(ConnectionLimit, FailsWhenHardlyAnyIsLeft) {
  for (const std::uint64_t files_max : {1U, 20U, 60U, 170U}) {
    const auto connections = ConnectionsOf(files_max);
    ASSERT_FALSE(connections) << files_max;
    EXPECT_THAT(connections.error().message, testing::HasSubstr("ulimit -n"));
  }
}

}  // namespace
}  // namespace itemgate
