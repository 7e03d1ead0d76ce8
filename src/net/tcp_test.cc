#include "net/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

SocketAddress AnyLoopbackPort() { return Resolve({.host = "127.0.0.1", .port = 0}).value(); }

TEST(Endpoint, IsReadInEveryUsualForm) {
  struct {
    const char* text;
    const char* shown;
  } const cases[] = {{"127.0.0.1:8080", "127.0.0.1:8080"}, {"example.org:80", "example.org:80"},
                     {"[::1]:8080", "[::1]:8080"},         {":8080", "127.0.0.1:8080"},
                     {"8080", "127.0.0.1:8080"},           {"0.0.0.0:0", "0.0.0.0:0"}};
  for (const auto& c : cases) {
    const auto endpoint = Endpoint::Parse(c.text);
    ASSERT_TRUE(endpoint) << c.text;
    EXPECT_EQ(endpoint->ToString(), c.shown);
  }
}

TEST(Endpoint, RefusesWhatIsNone) {
  for (const char* text :
       {"", "host", "host:", "host:x", "host:65536", "host:-1", "::1:80", "[]:80", "host:80 "}) {
    const auto endpoint = Endpoint::Parse(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(Tcp, ConnectsAndAccepts) {
  const auto listener = ListenTcp(AnyLoopbackPort(), SharePort::kNo).value();
  const SocketAddress address = LocalAddress(listener.get()).value();
  const auto client = BeginConnectTcp(address).value();
  pollfd waiting[] = {{.fd = client.get(), .events = POLLOUT},
                      {.fd = listener.get(), .events = POLLIN}};
  ASSERT_EQ(poll(&waiting[0], 1, 10'000), 1);
  ASSERT_EQ(poll(&waiting[1], 1, 10'000), 1);
  EXPECT_TRUE(FinishConnectTcp(client.get()));
  const auto accepted = AcceptTcp(listener.get());
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->peer.HostText(), "127.0.0.1");
  EXPECT_EQ(AcceptTcp(listener.get()).error().code, ErrorCode::kUnavailable);
}

TEST(Tcp, ATakenPortIsBusyAndTheMessageNamesIt) {
  const auto listener = ListenTcp(AnyLoopbackPort(), SharePort::kNo).value();
  const SocketAddress taken = LocalAddress(listener.get()).value();
  const auto second = ListenTcp(taken, SharePort::kNo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_NE(second.error().message.find(taken.ToString()), std::string::npos);
}

TEST(Tcp, NobodyListeningIsUnavailable) {
  auto listener = ListenTcp(AnyLoopbackPort(), SharePort::kNo).value();
  const SocketAddress address = LocalAddress(listener.get()).value();
  listener.Close();
  const auto client = BeginConnectTcp(address);
  if (client) {
    pollfd waiting{.fd = client->get(), .events = POLLOUT};
    ASSERT_EQ(poll(&waiting, 1, 10'000), 1);
    EXPECT_EQ(FinishConnectTcp(client->get()).error().code, ErrorCode::kUnavailable);
  } else {
    EXPECT_EQ(client.error().code, ErrorCode::kUnavailable);
  }
}

TEST(Tcp, ANumericHostIsKnownWithoutALookUp) {
  EXPECT_EQ(ResolveNumeric({.host = "127.0.0.1", .port = 80}).value().ToString(), "127.0.0.1:80");
  EXPECT_EQ(ResolveNumeric({.host = "::1", .port = 80}).value().ToString(), "[::1]:80");
  EXPECT_EQ(ResolveNumeric({.host = "localhost", .port = 80}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(Tcp, AHostHasAtLeastOneAddressAndTheFirstIsResolved) {
  const auto all = ResolveAll({.host = "localhost", .port = 80}).value();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(Resolve({.host = "localhost", .port = 80}).value().ToString(), all[0].ToString());
  EXPECT_EQ(ResolveAll({.host = "no-such-host.invalid"}).error().code, ErrorCode::kUnavailable);
}

TEST(Tcp, SilenceIsLimitedAsAsked) {
  const auto socket = ListenTcp(AnyLoopbackPort(), SharePort::kNo).value();
  LimitSilence(socket.get(), std::chrono::milliseconds(1500));
  int milliseconds = 0;
  socklen_t length = sizeof milliseconds;
  ASSERT_EQ(getsockopt(socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, &length), 0);
  EXPECT_EQ(milliseconds, 1500);
}

}  // namespace
}  // namespace itemgate
