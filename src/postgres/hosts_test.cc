#include "postgres/hosts.h"

#include <gtest/gtest.h>

namespace itemgate::postgres {
namespace {

/// Names, addresses and ports, separated by "|".
std::string Told(const std::string& url, std::size_t first) {
  const Result<Hosts> hosts = HostsFrom(url, first);
  if (!hosts) return hosts.error().message;
  return hosts->names + "|" + hosts->addresses + "|" + hosts->ports;
}

TEST(Hosts, EachComesFirstInTurnWithItsOwnPort) {
  const std::string url = "postgres://user@a:1,b,c:3/items?target_session_attrs=read-write";
  EXPECT_EQ(Told(url, 0), "a,b,c||1,,3");
  EXPECT_EQ(Told(url, 1), "b,c,a||,3,1");
  EXPECT_EQ(Told(url, 2), "c,a,b||3,1,");
  EXPECT_EQ(Told(url, 3), Told(url, 0));
  EXPECT_EQ(HostsFrom(url, 1)->count, 3U);
}

TEST(Hosts, ANameStaysWithItsAddress) {
  EXPECT_EQ(Told("host=a,b hostaddr=10.0.0.1,10.0.0.2 dbname=items", 1), "b,a|10.0.0.2,10.0.0.1|");
  EXPECT_EQ(Told("hostaddr=10.0.0.1,10.0.0.2", 1), "|10.0.0.2,10.0.0.1|");
}

TEST(Hosts, OnePortMayBeThatOfAll) { EXPECT_EQ(Told("host=a,b port=1", 1), "b,a||1"); }

TEST(Hosts, WhereThereIsOneOrNoneNothingChanges) {
  EXPECT_EQ(Told("postgres://a:1/items", 5), "a||1");
  EXPECT_EQ(Told("postgres:///items", 5), "||");
  EXPECT_EQ(HostsFrom("postgres:///items", 5)->count, 1U);
}

TEST(Hosts, WhatIsNoUrlIsRefused) {
  const Result<Hosts> hosts = HostsFrom("postgres://[nonsense", 0);
  ASSERT_FALSE(hosts);
  EXPECT_EQ(hosts.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace itemgate::postgres
