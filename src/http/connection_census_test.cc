#include "http/connection_census.h"

#include <thread>

#include <gtest/gtest.h>

namespace itemgate::http {
namespace {

TEST(ConnectionCensus, AdmitsUpToItsLimits) {
  const ServerLimits limits{.connections_max = 3, .connections_per_address_max = 2};
  ConnectionCensus census(limits);
  EXPECT_TRUE(census.Admit("192.0.2.1"));
  EXPECT_TRUE(census.Admit("192.0.2.1"));
  EXPECT_FALSE(census.Admit("192.0.2.1"));
  EXPECT_TRUE(census.Admit("192.0.2.2"));
  EXPECT_FALSE(census.Admit("192.0.2.3"));
  census.Leave("192.0.2.1");
  EXPECT_TRUE(census.Admit("192.0.2.3"));
}

TEST(ConnectionCensus, WaitsAgainAfterItHasGivenUpOnce) {
  const ServerLimits limits;
  ConnectionCensus census(limits);
  ASSERT_TRUE(census.Admit("192.0.2.1"));
  census.LoopClosed();
  census.GiveUp();
  EXPECT_EQ(census.WaitUntilEmpty(1), 1U);
  const std::jthread leaver([&census] { census.Leave("192.0.2.1"); });
  EXPECT_EQ(census.WaitUntilEmpty(1), 0U);
}

}  // namespace
}  // namespace itemgate::http
