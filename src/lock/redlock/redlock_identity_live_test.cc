// A server that does not say at once which one it is; played by hand, over real sockets.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>

#include "net/tcp.h"
#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

/// Waits, for a time that is much too long.
bool IsReadable(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN};
  return poll(&waiting, 1, 30'000) == 1;
}

/// The server's end of one connection.
class Peer {
 public:
  explicit Peer(int listener) {
    EXPECT_TRUE(IsReadable(listener));
    socket_ = std::move(AcceptTcp(listener).value().socket);
  }
  /// Reads up to a word that the other end is to say last.
  void Hear(std::string_view word) {
    std::string heard;
    while (!heard.contains(word)) {
      std::array<char, 4096> bytes;
      ASSERT_TRUE(IsReadable(socket_.get())) << word;
      const ssize_t size = recv(socket_.get(), bytes.data(), bytes.size(), 0);
      ASSERT_GT(size, 0) << word;
      heard.append(bytes.data(), static_cast<std::size_t>(size));
    }
  }
  void Say(std::string_view text) {
    ASSERT_EQ(send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

 private:
  Descriptor socket_;
};

TEST(RedLockIdentity, AServerHasNoVoteUntilItHasSaidWhichOneItIsHoweverLate) {
  const Descriptor listener =
      ListenTcp(Resolve({.host = "127.0.0.1"}).value(), SharePort::kNo).value();
  const std::string server =
      LocalAddress(listener.get())->ToString() + ",asyncTimeout=20,connectTimeout=60000";
  const auto factory =
      RedLockFactory::Create({server, server}, {.connect_wait = milliseconds(0)}).value();
  std::array<Peer, 2> peers{Peer(listener.get()), Peer(listener.get())};
  for (Peer& peer : peers) {
    peer.Hear("PING");
    peer.Say("+OK\r\n+PONG\r\n");
    peer.Hear("INFO");
  }
  const auto count = [&](bool RedLockInstance::* is) {
    return std::ranges::count_if(factory->Instances(), is);
  };
  // Many times the time-out.
  EXPECT_FALSE(
      Eventually([&] { return count(&RedLockInstance::is_connected) > 0; }, milliseconds(500)));
  for (Peer& peer : peers) peer.Say("+a\r\n+a\r\n+a\r\n+a\r\n+a\r\n$12\r\nrun_id:one\r\n\r\n");
  EXPECT_TRUE(Eventually([&] { return count(&RedLockInstance::is_connected) == 2; }));
  EXPECT_EQ(count(&RedLockInstance::is_duplicate), 1);
}

}  // namespace
}  // namespace itemgate
