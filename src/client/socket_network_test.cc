#include "client/socket_network.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate::client {
namespace {

/// A server of one connection, on this machine.
class SocketNetworkTest : public testing::Test {
 protected:
  SocketNetworkTest() {
    const std::uint16_t port =
        Endpoint::Parse(LocalAddress(listener_.get())->ToString()).value().port;
    // Nobody listens at the first address.
    const auto look_up = [](const Endpoint& endpoint) -> Result<std::vector<SocketAddress>> {
      return std::vector{*Resolve({.host = "127.0.0.2", .port = endpoint.port}),
                         *Resolve({.host = "127.0.0.1", .port = endpoint.port})};
    };
    const auto network =
        MakeSocketNetwork({.host = "twice", .port = port}, std::nullopt, clock_, look_up);
    connection_ = network->Connect(deadline_).value();
    pollfd waiting{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, -1);
    peer_ = std::move(AcceptTcp(listener_.get())->socket);
  }

  Result<Connection::Moved> Transfer(std::string_view out) {
    return connection_->Transfer(out, buffer_, deadline_);
  }

  const SystemClock clock_;
  const Instant deadline_ = Instant::max();
  const Descriptor listener_ =
      ListenTcp(Resolve({.host = "127.0.0.1"}).value(), SharePort::kNo).value();
  std::unique_ptr<Connection> connection_;
  Descriptor peer_;
  std::array<char, 100> buffer_{};
};

TEST_F(SocketNetworkTest, ConnectsToTheFirstAddressThatTakesIt) {
  EXPECT_EQ(Transfer("a request")->sent, 9u);
  EXPECT_EQ(::recv(peer_.get(), buffer_.data(), buffer_.size(), 0), 9);
}

TEST_F(SocketNetworkTest, SendsNothingOverAConnectionThatHasEnded) {
  peer_ = Descriptor();
  EXPECT_TRUE(Transfer("")->ended);
  const auto moved = Transfer("a request");
  ASSERT_TRUE(moved);
  EXPECT_TRUE(moved->ended);
  EXPECT_EQ(moved->sent, 0u);
}

TEST_F(SocketNetworkTest, TakesTheAnswerOfAServerThatReadsNoFurther) {
  EXPECT_EQ(Transfer("a request")->sent, 9u);
  EXPECT_EQ(::send(peer_.get(), "no", 2, 0), 2);
  peer_ = Descriptor();
  auto moved = Transfer("and more of it");
  while (moved && moved->received == 0 && !moved->ended) moved = Transfer("and more of it");
  ASSERT_TRUE(moved);
  ASSERT_EQ(moved->received, 2u);
  EXPECT_EQ(std::string_view(buffer_.data(), 2), "no");
}

}  // namespace
}  // namespace itemgate::client
