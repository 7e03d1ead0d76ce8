#include "net/tls.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

constexpr TlsWords kWords{.server_name = "--name"};

using std::string_literals::operator""s;

TEST(TlsContext, AServerNameThatNoCertificateCanHaveIsRefused) {
  for (const std::string& name :
       {"redis.example.com:6380"s, "fe80::1%eth0"s, "redis.example.com\0.evil"s, "[::1]"s}) {
    const auto made = TlsContext::Make({.server_name = name}, kWords);
    ASSERT_FALSE(made.has_value()) << name;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(made.error().message.ends_with("(--name)")) << made.error().message;
  }
  for (const std::string& name : {"redis.example.com"s, "10.0.0.1"s, "::1"s, "10.0.0"s})
    EXPECT_TRUE(TlsContext::Make({.server_name = name}, kWords).has_value()) << name;
}

TEST(TlsContext, AFileThatIsNotThereIsToldFromOneThatIsNoCertificate) {
  const auto absent = TlsContext::Make({.ca_file = "/nowhere.pem"}, kWords);
  ASSERT_FALSE(absent);
  EXPECT_TRUE(absent.error().message.contains("No such file or directory"))
      << absent.error().message;
}

TEST(TlsContext, NoSessionWithoutAnythingToCheck) {
  const auto context = TlsContext::Make({}, kWords);
  for (const std::string& host : {""s, "redis\0x"s, std::string(300, 'x')})
    EXPECT_EQ(context->NewSession(host).error().code, ErrorCode::kInvalidArgument) << host;
  EXPECT_TRUE(context->NewSession("localhost").has_value());
  EXPECT_TRUE(context->NewSession("127.0.0.1").has_value());
}

}  // namespace
}  // namespace itemgate
