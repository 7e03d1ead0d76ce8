#include "client/tls_advice.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate::client {
namespace {

TEST(MakeTls, IsForHttpsOnly) {
  const auto plain = ServerUrl::Parse("http://items.example").value();
  EXPECT_FALSE(MakeTls({}, plain).value());
  const auto refused = MakeTls({.server_name = "items.example"}, plain);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(refused.error().message.ends_with("the address is http://items.example"));
  EXPECT_TRUE(MakeTls({}, ServerUrl::Parse("https://items.example").value()).value());
  EXPECT_TRUE(MakeTls({}, ServerUrl::Parse("https://[::1]").value()).value());
}

TEST(MakeTls, RefusesWhatCannotBeUsed) {
  const auto url = ServerUrl::Parse("https://items.example").value();
  for (const ClientTlsOptions& options : std::vector<ClientTlsOptions>{
           {.ca_file = "/nowhere"},
           {.server_name = "items.example:443"},
           {.certificate_file = "/nowhere"},
           {.key_file = "/nowhere"},
       }) {
    const auto made = MakeTls(options, url);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(made.error().message.contains("ClientOptions::tls.")) << made.error().message;
  }
  const auto long_name = ServerUrl::Parse("https://" + std::string(300, 'x')).value();
  EXPECT_EQ(MakeTls({}, long_name).error().code, ErrorCode::kInvalidArgument);
}

TEST(TlsAdvice, IsForAnswersOfProxies) {
  const auto http = ServerUrl::Parse("http://items.example").value();
  const auto https = ServerUrl::Parse("https://items.example").value();
  const std::string_view plain = "<h1>The plain HTTP request was sent to HTTPS port</h1>";
  const std::string_view missed = "<h1>No required SSL certificate was sent</h1>";
  EXPECT_EQ(TlsAdvice(http, 400, plain), kUseHttps);
  EXPECT_TRUE(TlsAdvice(https, 400, missed).contains("--client-certificate-file"));
  EXPECT_TRUE(TlsAdvice(https, 400, plain).empty());
  EXPECT_TRUE(TlsAdvice(http, 404, plain).empty());
  EXPECT_TRUE(TlsAdvice(http, 400, R"({"detail":"HTTPS"})").empty());
}

}  // namespace
}  // namespace itemgate::client
