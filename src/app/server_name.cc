#include "app/server_name.h"

#include <unistd.h>

#include <array>

#include "net/tcp.h"

namespace itemgate {
namespace {

constexpr std::size_t kHostBytesMax = 256;

std::string HostName() {
  std::array<char, kHostBytesMax> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

/// The port, with a colon before it; empty if there is none.
std::string PortOf(const std::string& address) {
  const auto endpoint = Endpoint::Parse(address);
  return endpoint ? ":" + std::to_string(endpoint->port) : std::string();
}

bool IsEveryAddress(const std::string& address) {
  const auto endpoint = Endpoint::Parse(address);
  return endpoint && (endpoint->host == "0.0.0.0" || endpoint->host == "::");
}

}  // namespace

ServerName NameOfServer(const config::Settings& settings, const std::vector<std::string>& listens) {
  ServerName server{.name = settings.server_name, .addresses = settings.server_advertise};
  if (server.name == "auto") server.name = HostName() + PortOf(listens.front());
  if (!server.addresses.empty()) return server;
  for (const std::string& address : listens)
    server.addresses.push_back(IsEveryAddress(address) ? HostName() + PortOf(address) : address);
  return server;
}

}  // namespace itemgate
