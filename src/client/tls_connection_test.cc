#include "client/tls_connection.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace itemgate::client {
namespace {

constexpr TlsWords kWords{.plain = "write http://"};

/// A peer that takes everything, says one thing and then ends, or is silent: by then it is past the deadline.
class ScriptedWire final : public Connection {
 public:
  enum class Then { kEnd, kSilence };
  ScriptedWire(std::string& sent, std::string answer, Then then)
      : sent_(sent), answer_(std::move(answer)), then_(then) {}

  Result<Moved> Transfer(std::string_view out, std::span<char> in, Instant) override {
    sent_ += out;
    const std::size_t count = std::min(answer_.size(), in.size());
    std::copy_n(answer_.begin(), count, in.begin());
    answer_.erase(0, count);
    if (!out.empty() || count > 0) return Moved{.sent = out.size(), .received = count};
    if (then_ == Then::kEnd) return Moved{.ended = true};
    return Fail(ErrorCode::kUnavailable, "the server did not answer in time");
  }

 private:
  std::string& sent_;
  std::string answer_;
  const Then then_;
};

/// Why a connection to such a peer cannot be secured.
std::string ReasonOf(const std::string& answer, ScriptedWire::Then then) {
  std::string sent;
  const auto context = TlsContext::Make({}, kWords).value();
  const auto secured = Secure(std::make_unique<ScriptedWire>(sent, answer, then),
                              context.NewSession("localhost").value(), Instant{});
  if (secured) return "";
  EXPECT_EQ(secured.error().code, ErrorCode::kIo);
  EXPECT_TRUE(sent.starts_with("\x16\x03")) << "a hello of TLS, and nothing before it";
  return secured.error().message;
}

TEST(Secure, TellsAServerThatSpeaksPlainHttp) {
  EXPECT_TRUE(ReasonOf("HTTP/1.1 400 Bad Request\r\n\r\n", ScriptedWire::Then::kEnd)
                  .ends_with("the server does not speak TLS on this port: write http://"));
}

TEST(Secure, TellsAServerThatCloses) {
  EXPECT_EQ(ReasonOf("", ScriptedWire::Then::kEnd),
            "the server closed the connection during the TLS handshake; does it speak TLS on this "
            "port?");
}

TEST(Secure, EndsAtTheDeadline) {
  EXPECT_EQ(ReasonOf("", ScriptedWire::Then::kSilence),
            "the server did not answer in time during the TLS handshake; does it speak TLS on this "
            "port?");
}

}  // namespace
}  // namespace itemgate::client
