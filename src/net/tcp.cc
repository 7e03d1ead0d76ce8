#include "net/tcp.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <expected>
#include <system_error>
#include <utility>
#include <vector>

namespace itemgate {
namespace {

constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn

std::string ReasonOf(int error) { return std::system_category().message(error); }

std::uint16_t PortOf(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

const sockaddr* Raw(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.storage);
}
sockaddr* Raw(SocketAddress& address) { return reinterpret_cast<sockaddr*>(&address.storage); }

Result<Descriptor> NewSocket(const SocketAddress& address) {
  Descriptor made(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made.is_open()) return Fail(ErrorCode::kIo, "cannot make a socket: " + ReasonOf(errno));
  return made;
}

void Enable(int fd, int level, int option) {
  const int on = 1;
  setsockopt(fd, level, option, &on, sizeof on);  // each of them is only an advantage
}

void SetNumber(int fd, int level, int option, std::int64_t value) {
  const int number = static_cast<int>(std::clamp<std::int64_t>(value, 1, 1 << 30));
  setsockopt(fd, level, option, &number, sizeof number);
}

/// All addresses, or the error of getaddrinfo.
std::expected<std::vector<SocketAddress>, int> LookUp(const Endpoint& endpoint, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  if (const int error = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
      error != 0)
    return std::unexpected(error);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace

Result<Endpoint> Endpoint::Parse(std::string_view text) {
  const auto wrong = [&] {
    return Fail(ErrorCode::kInvalidArgument,
                "\"" + std::string(text) +
                    "\" is no address; write host:port, such as 127.0.0.1:8080 or [::1]:8080");
  };
  Endpoint endpoint{.host = "127.0.0.1"};
  std::string_view port = text;
  if (const auto colon = text.rfind(':'); colon != text.npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (!bracketed && host.contains(':')) return wrong();
    if (bracketed && host.empty()) return wrong();
    if (!host.empty()) endpoint.host = host;
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size()) return wrong();
  return endpoint;
}

std::string Endpoint::ToString() const {
  const std::string shown = host.contains(':') ? "[" + host + "]" : host;
  return shown + ":" + std::to_string(port);
}

std::string SocketAddress::HostText() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = &reinterpret_cast<const sockaddr_in&>(storage).sin_addr;
  if (storage.ss_family == AF_INET6)
    bytes = &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
  inet_ntop(storage.ss_family, bytes, text.data(), text.size());
  return text.data();
}

std::string SocketAddress::ToString() const {
  return Endpoint{.host = HostText(), .port = PortOf(*this)}.ToString();
}

Result<std::vector<SocketAddress>> ResolveAll(const Endpoint& endpoint) {
  auto found = LookUp(endpoint, AI_NUMERICSERV);
  if (found) return *std::move(found);
  return Fail(ErrorCode::kUnavailable,
              "cannot find the host \"" + endpoint.host + "\": " + gai_strerror(found.error()));
}

Result<SocketAddress> Resolve(const Endpoint& endpoint) {
  const auto addresses = ResolveAll(endpoint);
  if (!addresses) return std::unexpected(addresses.error());
  return addresses->front();
}

Result<SocketAddress> ResolveNumeric(const Endpoint& endpoint) {
  const auto found = LookUp(endpoint, AI_NUMERICSERV | AI_NUMERICHOST);
  if (found) return found->front();
  return Fail(ErrorCode::kInvalidArgument, "\"" + endpoint.host + "\" is no address");
}

Result<Descriptor> ListenTcp(const SocketAddress& address, SharePort share) {
  auto listener = NewSocket(address);
  if (!listener) return listener;
  Enable(listener->get(), SOL_SOCKET, SO_REUSEADDR);
  if (share == SharePort::kYes) Enable(listener->get(), SOL_SOCKET, SO_REUSEPORT);
  if (bind(listener->get(), Raw(address), address.length) != 0 ||
      listen(listener->get(), kBacklog) != 0) {
    const int error = errno;
    const std::string what = "cannot listen on " + address.ToString() + ": " + ReasonOf(error);
    if (error == EADDRINUSE)
      return Fail(ErrorCode::kBusy, what + "; stop who has it, or choose another port");
    if (error == EACCES)
      return Fail(ErrorCode::kIo, what +
                                      "; low ports take CAP_NET_BIND_SERVICE: get it, or choose "
                                      "a port from 1024 on");
    if (error == EADDRNOTAVAIL)
      return Fail(ErrorCode::kIo, what + "; choose an address of this machine");
    return Fail(ErrorCode::kIo, what);
  }
  return listener;
}

Result<SocketAddress> LocalAddress(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getsockname(fd, Raw(address), &address.length) != 0)
    return Fail(ErrorCode::kIo, "a socket has no address: " + ReasonOf(errno));
  return address;
}

Result<Accepted> AcceptTcp(int listener) {
  Accepted accepted;
  accepted.peer.length = sizeof accepted.peer.storage;
  accepted.socket = Descriptor(
      accept4(listener, Raw(accepted.peer), &accepted.peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted.socket.is_open()) {
    // A connection that was given up before it was accepted is as if it had never come.
    const bool nothing =
        errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR;
    return Fail(nothing ? ErrorCode::kUnavailable : ErrorCode::kIo,
                "cannot accept a connection: " + ReasonOf(errno));
  }
  Enable(accepted.socket.get(), IPPROTO_TCP, TCP_NODELAY);
  return accepted;
}

Result<Descriptor> BeginConnectTcp(const SocketAddress& address) {
  auto connecting = NewSocket(address);
  if (!connecting) return connecting;
  Enable(connecting->get(), IPPROTO_TCP, TCP_NODELAY);
  if (connect(connecting->get(), Raw(address), address.length) != 0 && errno != EINPROGRESS)
    return Fail(ErrorCode::kUnavailable,
                "cannot connect to " + address.ToString() + ": " + ReasonOf(errno));
  return connecting;
}

void LimitSilence(int fd, std::chrono::milliseconds silence_max) {
  const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(silence_max).count();
  SetNumber(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, silence_max.count());
  SetNumber(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  SetNumber(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds / 3);
  SetNumber(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  Enable(fd, SOL_SOCKET, SO_KEEPALIVE);
}

Result<void> FinishConnectTcp(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return Fail(ErrorCode::kUnavailable, "cannot connect: " + ReasonOf(error));
  return {};
}

}  // namespace itemgate
