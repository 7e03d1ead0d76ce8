#include "client/socket_network.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "client/tls_connection.h"

namespace itemgate::client {
namespace {

int PollTimeout(Duration duration) {
  constexpr Duration kMax = std::chrono::hours(1);
  const Duration bounded = std::clamp(duration, Duration::zero(), kMax);
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(bounded).count());
}

std::string Reason(int error) { return std::generic_category().message(error); }

/// Waits until the descriptor is ready for one of the events, and says for which. Nothing: the deadline has passed.
Result<short> PollUntil(int fd, short events, const Clock& clock, Instant deadline) {
  pollfd waiting{.fd = fd, .events = events, .revents = 0};
  while (true) {
    const Duration left = deadline - clock.Now();
    const int ready = ::poll(&waiting, 1, PollTimeout(left));
    if (ready > 0) return waiting.revents;
    if (ready < 0 && errno != EINTR)
      return Fail(ErrorCode::kUnavailable, "cannot wait for the server: " + Reason(errno));
    if (ready == 0 && left <= Duration::zero())
      return Fail(ErrorCode::kUnavailable, "the server did not answer in time");
  }
}

class SocketConnection final : public Connection {
 public:
  SocketConnection(Descriptor socket, const Clock& clock)
      : socket_(std::move(socket)), clock_(clock) {}

  Result<Moved> Transfer(std::string_view out, std::span<char> in, Instant deadline) override {
    std::optional<Error> broke;
    while (true) {
      // First, so that nothing is sent over a kept connection that the server has closed.
      const auto received = Receive(in);
      if (!received) return std::unexpected(received.error());
      if (received->bytes > 0 || received->ended)
        return Moved{.received = received->bytes, .ended = received->ended};
      if (broke) return std::unexpected(*broke);
      const auto sent = Send(out);
      if (!sent) {
        // A server that refuses a request may answer and close before it has read all of it: the answer counts.
        broke = sent.error();
        continue;
      }
      if (*sent > 0) return Moved{.sent = *sent};
      const auto events = static_cast<short>(out.empty() ? POLLIN : POLLIN | POLLOUT);
      const auto ready = PollUntil(socket_.get(), events, clock_, deadline);
      if (!ready) return std::unexpected(ready.error());
    }
  }

 private:
  struct Received {
    std::size_t bytes = 0;
    bool ended = false;
  };

  Result<std::size_t> Send(std::string_view out) {
    if (out.empty()) return 0;
    const ssize_t sent = ::send(socket_.get(), out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EAGAIN || errno == EINTR) return 0;
    return Fail(ErrorCode::kUnavailable, "the connection broke: " + Reason(errno));
  }

  Result<Received> Receive(std::span<char> in) {
    const ssize_t received = ::recv(socket_.get(), in.data(), in.size(), MSG_DONTWAIT);
    if (received > 0) return Received{.bytes = static_cast<std::size_t>(received)};
    if (received == 0) return Received{.ended = true};
    if (errno == EAGAIN || errno == EINTR) return Received{};
    return Fail(ErrorCode::kUnavailable, "the connection broke: " + Reason(errno));
  }

  Descriptor socket_;
  const Clock& clock_;
};

class SocketNetwork final : public Network {
 public:
  SocketNetwork(Endpoint endpoint, std::optional<TlsContext> tls, const Clock& clock,
                LookUpHost look_up)
      : endpoint_(std::move(endpoint)), tls_(std::move(tls)), clock_(clock), look_up_(look_up) {}

  Result<std::unique_ptr<Connection>> Connect(Instant deadline) override {
    auto socket = ConnectToAny(deadline);
    if (!socket) return std::unexpected(socket.error());
    auto connection = std::make_unique<SocketConnection>(*std::move(socket), clock_);
    if (!tls_) return connection;
    auto session = tls_->NewSession(endpoint_.host);
    if (!session) return Fail(ErrorCode::kIo, session.error().message);
    return Secure(std::move(connection), *std::move(session), deadline);
  }

  void Wait(Duration duration) override { (void)::poll(nullptr, 0, PollTimeout(duration)); }

 private:
  /// Each address has its share of the time, or one that is silent would leave none to the others.
  Result<Descriptor> ConnectToAny(Instant deadline) {
    const auto addresses = look_up_(endpoint_);
    if (!addresses) return Fail(ErrorCode::kUnavailable, addresses.error().message);
    auto left = static_cast<Duration::rep>(addresses->size());
    Result<Descriptor> socket;
    for (const SocketAddress& address : *addresses) {
      const Instant now = clock_.Now();
      socket = ConnectTo(address, now + (deadline - now) / left--);
      if (socket) break;
    }
    return socket;
  }

  Result<Descriptor> ConnectTo(const SocketAddress& address, Instant deadline) {
    auto socket = BeginConnectTcp(address);
    if (!socket) return socket;
    if (const auto ready = PollUntil(socket->get(), POLLOUT, clock_, deadline); !ready)
      return std::unexpected(ready.error());
    if (const auto connected = FinishConnectTcp(socket->get()); !connected)
      return std::unexpected(connected.error());
    return socket;
  }

  const Endpoint endpoint_;
  const std::optional<TlsContext> tls_;
  const Clock& clock_;
  const LookUpHost look_up_;
};

}  // namespace

std::unique_ptr<Network> MakeSocketNetwork(Endpoint endpoint, std::optional<TlsContext> tls,
                                           const Clock& clock, LookUpHost look_up) {
  return std::make_unique<SocketNetwork>(std::move(endpoint), std::move(tls), clock, look_up);
}

}  // namespace itemgate::client
