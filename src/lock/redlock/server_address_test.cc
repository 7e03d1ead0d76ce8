#include "lock/redlock/server_address.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate::redlock {
namespace {

/// The options of the server that a text names.
Result<redis::NodeOptions> ServerOf(const std::string& text) {
  auto vote = ParseVote({&text, 1});
  if (!vote) return std::unexpected(vote.error());
  return std::move(vote->node);
}

TEST(ServerAddress, StackExchangeText) {
  const auto address = ServerOf(
      "redis.example:7000, password=se "
      "cret=,User=locker,defaultDatabase=3,abortConnect=false,ssl=False,name=me");
  ASSERT_TRUE(address.has_value()) << address.error().message;
  EXPECT_EQ(address->endpoint.ToString(), "redis.example:7000");
  EXPECT_EQ(address->greeting.password, "se cret=");
  EXPECT_EQ(address->greeting.user, "locker");
  EXPECT_EQ(address->greeting.database, 3);
  EXPECT_EQ(address->greeting.client_name, "me");
}

TEST(ServerAddress, Uri) {
  const auto address = ServerOf("redis://user:pa:ss@127.0.0.1:6380/2");
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->endpoint.port, 6380);
  EXPECT_EQ(address->greeting.user, "user");
  EXPECT_EQ(address->greeting.password, "pa:ss");
  EXPECT_EQ(address->greeting.database, 2);
}

TEST(ServerAddress, Tls) {
  EXPECT_FALSE(ServerOf("host:1,ssl=false")->tls.has_value());
  EXPECT_TRUE(ServerOf("host:1,ssl=true")->tls.has_value());
  EXPECT_TRUE(ServerOf("rediss://host:1")->tls.has_value());
  EXPECT_EQ(ServerOf("host:1,ssl=true,sslHost=name")->tls->server_name, "name");
}

TEST(ServerAddress, WhatIsMeantForTlsIsNeverPlain) {
  EXPECT_EQ(ServerOf("host:1,ssl=ture").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ServerOf("host,ssl=true")->endpoint.port, 6380);
  const auto address = ServerOf("host:1,ssl=true,sslCaFile=ca.pem,sslCertFile=c.pem");
  ASSERT_TRUE(address.has_value()) << address.error().message;
  EXPECT_EQ(address->tls->ca_file, "ca.pem");
  EXPECT_EQ(address->tls->certificate_file, "c.pem");
}

TEST(ServerAddress, AUriIsPercentDecoded) {
  EXPECT_EQ(ServerOf("redis://:p%40ss@host:1")->greeting.password, "p@ss");
}

TEST(ServerAddress, ThePortMayBeLeftOut) {
  EXPECT_EQ(ServerOf("localhost")->endpoint.port, 6379);
  EXPECT_EQ(ServerOf("redis://localhost")->endpoint.port, 6379);
}

TEST(ServerAddress, WhatIsNotHonouredIsRefused) {
  EXPECT_EQ(ServerOf("").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ServerOf("host:1,channelPrefix=p").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(ServerOf("redis+cluster://host:1").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(ServerOf("host:1,defaultDatabase=x").error().code, ErrorCode::kInvalidArgument);
}

TEST(ServerAddress, AVoteMayBeAGroup) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(ParseVote(Texts{"a:1"})->endpoints.size(), 1U);
  EXPECT_EQ(ParseVote(Texts{"a:1,b:2,password=x"})->endpoints.size(), 2U);
  EXPECT_EQ(ParseVote(Texts{"a:1,password=x", "b:2,password=x"})->endpoints.size(), 2U);
  EXPECT_EQ(ParseVote(Texts{"s:1,serviceName=main"})->topology, redis::Topology::kSentinel);
  EXPECT_EQ(ParseVote(Texts{}).error().code, ErrorCode::kInvalidArgument);
  for (const Texts& unlike : {Texts{"a:1,password=x", "b:2"}, Texts{"a:1", "b:2,ssl=true"},
                              Texts{"a:1", "s:2,serviceName=main"}})
    EXPECT_EQ(ParseVote(unlike).error().code, ErrorCode::kInvalidArgument);
  for (const Texts& unfit : {Texts{"redis+cluster://a:1"}, Texts{"a:1", "b:2,channelPrefix=p"}})
    EXPECT_EQ(ParseVote(unfit).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace itemgate::redlock
