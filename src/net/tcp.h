#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/error.h"
#include "net/descriptor.h"

namespace itemgate {

/// A host, by name or address, and a port.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;

  /// "host:port", "1.2.3.4:port", "[::1]:port"; a port alone or ":port" means 127.0.0.1. Fails with kInvalidArgument.
  [[nodiscard]] static Result<Endpoint> Parse(std::string_view text);
  [[nodiscard]] std::string ToString() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// A resolved address.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  /// The address without the port, as text ("127.0.0.1").
  [[nodiscard]] std::string HostText() const;
  /// "127.0.0.1:8080", "[::1]:8080".
  [[nodiscard]] std::string ToString() const;
};

/// Looks the host up; blocks on the resolver unless the host is an address. All addresses that it has, at least one, in
/// the order in which they are to be tried.
[[nodiscard]] Result<std::vector<SocketAddress>> ResolveAll(const Endpoint& endpoint);

/// The first of them.
[[nodiscard]] Result<SocketAddress> Resolve(const Endpoint& endpoint);

/// What looks a host up: ResolveAll, but in tests.
using LookUpHost = Result<std::vector<SocketAddress>> (*)(const Endpoint&);

/// The address that the host is; kInvalidArgument if it is a name. Never blocks.
[[nodiscard]] Result<SocketAddress> ResolveNumeric(const Endpoint& endpoint);

enum class SharePort {
  kNo,
  kYes
};  // SO_REUSEPORT: several listeners of one process share the connections

/// A listening socket, non-blocking, closed on exec. Fails with kBusy if the address is taken, with kIo otherwise; the
/// message says what to do.
[[nodiscard]] Result<Descriptor> ListenTcp(const SocketAddress& address, SharePort share);

/// The address a socket is bound to: tells the port that the system chose for port 0.
[[nodiscard]] Result<SocketAddress> LocalAddress(int fd);

struct Accepted {
  Descriptor socket;  // non-blocking, closed on exec, without Nagle's delay
  SocketAddress peer;
};
/// The next connection; kUnavailable if there is none now, kIo if the process is out of descriptors or worse.
[[nodiscard]] Result<Accepted> AcceptTcp(int listener);

/// Begins to connect: a socket, non-blocking, closed on exec, without Nagle's delay, that becomes writable when it is
/// connected or has failed.
[[nodiscard]] Result<Descriptor> BeginConnectTcp(const SocketAddress& address);
/// Lets the kernel end the connection when the peer acknowledges nothing for so long (TCP_USER_TIMEOUT, and keep-alive
/// probes while it is idle), rather than after a quarter of an hour.
void LimitSilence(int fd, std::chrono::milliseconds silence_max);
/// How a connection that has become writable ended: nothing, or kUnavailable with the reason.
[[nodiscard]] Result<void> FinishConnectTcp(int fd);

}  // namespace itemgate
