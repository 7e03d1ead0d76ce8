#include "client/server_url.h"

#include <gtest/gtest.h>

namespace itemgate::client {
namespace {

TEST(ServerUrl, NamesHostPortAndPrefix) {
  const auto url = ServerUrl::Parse("http://items.example:8080/some/prefix/");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->endpoint.host, "items.example");
  EXPECT_EQ(url->endpoint.port, 8080);
  EXPECT_EQ(url->authority, "items.example:8080");
  EXPECT_EQ(url->prefix, "/some/prefix");
  EXPECT_EQ(url->ToString(), "http://items.example:8080/some/prefix");
}

TEST(ServerUrl, HasDefaults) {
  EXPECT_EQ(ServerUrl::Parse("http://items.example")->endpoint.port, 80);
  EXPECT_EQ(ServerUrl::Parse("http://items.example/")->prefix, "");
  EXPECT_EQ(ServerUrl::Parse("127.0.0.1:9000")->endpoint.port, 9000);
  EXPECT_EQ(ServerUrl::Parse("http://[::1]")->endpoint.host, "::1");
  EXPECT_EQ(ServerUrl::Parse("http://[::1]:9000")->endpoint.port, 9000);
}

TEST(ServerUrl, TakesHttps) {
  const auto url = ServerUrl::Parse("https://items.example/a");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->is_https);
  EXPECT_EQ(url->endpoint.port, 443);
  EXPECT_EQ(url->ToString(), "https://items.example/a");
  EXPECT_EQ(ServerUrl::Parse("https://[::1]:8443")->endpoint.port, 8443);
  EXPECT_FALSE(ServerUrl::Parse("http://a")->is_https);
}

TEST(ServerUrl, RefusesHttpsWhereOnlyHttpIsWanted) {
  const auto url = ServerUrl::Parse("https://items.example", ServerUrl::Schemes::kHttp);
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(url.error().message.contains("https is not offered here")) << url.error().message;
}

TEST(ServerUrl, APasswordIsNotRepeated) {
  EXPECT_FALSE(ServerUrl::Parse("http://user:s3cret@a").error().message.contains("s3cret"));
}

TEST(ServerUrl, RefusesWhatItCannotReach) {
  for (const char* text :
       {"", "http://", "https://", "ftp://items.example", "HTTPS://items.example", "http://:8080",
        "http://user@items.example", "http://items.example?x", "http://items.example/a b",
        "http://items.example:0", "http://items.example:65536", "http://items.example:x",
        "http://items.example:80\r\nEvil: yes", "http://::1:80"}) {
    const auto url = ServerUrl::Parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(url.error().message.contains("write http://HOST:PORT or https://HOST"));
  }
}

}  // namespace
}  // namespace itemgate::client
