// TLS against a real server.

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/redis_live.h"
#include "testing/redis_server.h"

namespace itemgate::redis {
namespace {

using testing::HasSubstr;

class TlsLiveTest : public testing::Test {
 protected:
  NodeOptions OptionsFor(const RedisServer& server) const {
    return {.endpoint = server.endpoint(),
            .tls = TlsOptions{.ca_file = certificates_.ca_file()},
            .call_timeout = std::chrono::seconds(20)};
  }
  const RedisCertificates certificates_;
  LiveLoop loop_;
};

TEST_F(TlsLiveTest, CarriesSmallAndLargeCalls) {
  const RedisServer server({.tls = &certificates_});
  LiveNode node(loop_, OptionsFor(server));
  ASSERT_TRUE(node.WaitFor(NodeState::kReady));
  const std::string large(8'000'000, 'x');  // more than the sockets' buffers take at once
  CommandList commands("SET", "large", large);
  commands.Add("GET", "large").Add("INCR", "n");
  const Told told = node.Call(commands);
  ASSERT_TRUE(told.ok) << told.message;
  EXPECT_EQ(told.replies.at(1), large);
  EXPECT_EQ(told.replies.at(2), "1");
}

TEST_F(TlsLiveTest, ShowsAClientsCertificate) {
  const RedisServer server({.tls = &certificates_, .client_certificate = true});
  NodeOptions options = OptionsFor(server);
  LiveNode without(loop_, options);
  EXPECT_THAT(without.WaitForFailure(), HasSubstr("sslCertFile="));
  options.tls->certificate_file = certificates_.client_certificate();
  options.tls->key_file = certificates_.client_key();
  LiveNode with(loop_, options);
  EXPECT_TRUE(with.WaitFor(NodeState::kReady));
}

TEST_F(TlsLiveTest, ChecksTheServersNameAndExplains) {
  const RedisServer server({.tls = &certificates_});
  NodeOptions options = OptionsFor(server);
  options.tls->server_name = "localhost";
  LiveNode right(loop_, options);
  EXPECT_TRUE(right.WaitFor(NodeState::kReady));
  options.tls->server_name = "redis.example";
  LiveNode wrong(loop_, options);
  EXPECT_THAT(wrong.WaitForFailure(), HasSubstr("the certificate is not for \"redis.example\""));
}

TEST_F(TlsLiveTest, SpeaksTheVersionsThatItMay) {
  using Versions = TlsOptions::Versions;
  for (const auto& [offered, allowed] :
       {std::pair("TLSv1.2", Versions::kOnly12), std::pair("TLSv1.3", Versions::kOnly13)}) {
    const RedisServer server({.arguments = {"--tls-protocols", offered}, .tls = &certificates_});
    for (const Versions versions : {Versions::kAll, Versions::kOnly12, Versions::kOnly13}) {
      NodeOptions options = OptionsFor(server);
      options.tls->versions = versions;
      LiveNode node(loop_, options);
      if (versions == Versions::kAll || versions == allowed)
        EXPECT_TRUE(node.WaitFor(NodeState::kReady)) << offered;
      else
        EXPECT_THAT(node.WaitForFailure(), HasSubstr("TLS")) << offered;
    }
  }
}

// Neither an address nor a usual name, and yet checked.
TEST_F(TlsLiveTest, AnAddressCutShortIsCheckedAsAName) {
  const RedisServer server({.tls = &certificates_});
  NodeOptions options = OptionsFor(server);
  options.tls->server_name = "10.0.0";
  LiveNode wrong(loop_, options);
  EXPECT_THAT(wrong.WaitForFailure(), HasSubstr("the certificate is not for \"10.0.0\""));
}

TEST_F(TlsLiveTest, TrustsNobodyWithoutAnAuthorityUnlessToldTo) {
  const RedisServer server({.tls = &certificates_});
  NodeOptions options = OptionsFor(server);
  options.tls->ca_file.clear();
  LiveNode wary(loop_, options);
  EXPECT_THAT(wary.WaitForFailure(), HasSubstr("sslCaFile="));
  options.tls->verify = TlsOptions::Verify::kNothing;
  LiveNode trusting(loop_, options);
  EXPECT_TRUE(trusting.WaitFor(NodeState::kReady));
}

TEST_F(TlsLiveTest, SaysIfOnlyOneEndSpeaksTls) {
  const RedisServer plain;
  NodeOptions options = OptionsFor(plain);
  options.connect_timeout = std::chrono::milliseconds(200);  // it waits for the end of a line
  LiveNode with_tls(loop_, options);
  EXPECT_THAT(with_tls.WaitForFailure(), HasSubstr("whether it speaks TLS"));
  const RedisServer secured({.tls = &certificates_});
  options = OptionsFor(secured);
  options.tls.reset();
  LiveNode without(loop_, options);
  EXPECT_THAT(without.WaitForFailure(), HasSubstr("is TLS on at both ends"));
}

TEST_F(TlsLiveTest, ABadFileIsFoundAtOnce) {
  NodeOptions options{.endpoint = {.host = "127.0.0.1", .port = 1},
                      .tls = TlsOptions{.ca_file = "/nowhere.pem"}};
  const auto node = loop_.Run([&] { return Node::Make(loop_.context(), options).error(); });
  EXPECT_EQ(node.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(node.message, HasSubstr("/nowhere.pem"));
}

}  // namespace
}  // namespace itemgate::redis
