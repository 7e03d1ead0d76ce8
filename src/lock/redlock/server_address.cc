#include "lock/redlock/server_address.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace itemgate::redlock {
namespace {

constexpr std::uint16_t kDefaultPort = 6379;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Result<int> ParseDatabase(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    return Fail(ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" is no database number");
  return number;
}

Result<Endpoint> ParseEndpoint(std::string_view text) {
  const bool has_port = text.rfind(':') != std::string_view::npos && !text.ends_with(']');
  return Endpoint::Parse(has_port ? std::string(text)
                                  : std::string(text) + ":" + std::to_string(kDefaultPort));
}

redis::TlsOptions& Secure(redis::NodeOptions& address) {
  if (!address.tls) address.tls.emplace();
  return *address.tls;
}

Result<void> Take(redis::NodeOptions& address, std::string_view key, std::string_view value) {
  // What changes nothing here: connections are always shared, kept up in the background, and asked with deadlines.
  static constexpr std::string_view kWithoutEffect[] = {
      "abortconnect",       "allowadmin", "connectretry", "connecttimeout", "configchannel",
      "configcheckseconds", "keepalive",  "tcpkeepalive", "synctimeout",    "asynctimeout",
      "tiebreaker",         "version",    "setlib",       "protocol"};
  const std::string name = Lower(key);
  if (name == "password") {
    address.greeting.password = value;
  } else if (name == "user") {
    address.greeting.user = value;
  } else if (name == "name") {
    address.greeting.client_name = value;
  } else if (name == "defaultdatabase") {
    auto database = ParseDatabase(value);
    if (!database) return std::unexpected(database.error());
    address.greeting.database = *database;
  } else if (name == "ssl") {
    const std::string wanted = Lower(value);
    if (wanted == "true" || wanted == "1" || wanted == "yes" || wanted == "on") Secure(address);
  } else if (name == "sslhost") {
    Secure(address).server_name = value;
  } else if (std::ranges::find(kWithoutEffect, name) == std::end(kWithoutEffect)) {
    return Fail(ErrorCode::kUnsupported,
                "\"" + std::string(key) + "\" is not supported for locks; leave it out");
  }
  return {};
}

Result<redis::NodeOptions> ParseUri(std::string_view rest) {
  redis::NodeOptions address;
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    const std::string_view database = rest.substr(slash + 1);
    if (!database.empty()) {
      auto number = ParseDatabase(database);
      if (!number) return std::unexpected(number.error());
      address.greeting.database = *number;
    }
    rest = rest.substr(0, slash);
  }
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = rest.substr(0, at);
    const auto colon = credentials.find(':');
    if (colon == std::string_view::npos) {
      address.greeting.password = credentials;
    } else {
      address.greeting.user = credentials.substr(0, colon);
      address.greeting.password = credentials.substr(colon + 1);
    }
    rest.remove_prefix(at + 1);
  }
  auto endpoint = ParseEndpoint(rest);
  if (!endpoint) return std::unexpected(endpoint.error());
  address.endpoint = *std::move(endpoint);
  return address;
}

}  // namespace

Result<redis::NodeOptions> ParseServerAddress(std::string_view text) {
  constexpr std::string_view kScheme = "redis://";
  constexpr std::string_view kSecureScheme = "rediss://";
  if (text.starts_with(kScheme)) return ParseUri(text.substr(kScheme.size()));
  if (text.starts_with(kSecureScheme)) {
    auto address = ParseUri(text.substr(kSecureScheme.size()));
    if (address) Secure(*address);
    return address;
  }
  if (text.find("://") != std::string_view::npos)
    return Fail(ErrorCode::kUnsupported,
                "\"" + std::string(text.substr(0, text.find("://"))) +
                    "://\" is not supported for locks; use redis://host:port");
  redis::NodeOptions address;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const std::string_view token = Trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (token.empty()) continue;
    const auto equals = token.find('=');
    if (equals == std::string_view::npos) {
      if (!address.endpoint.host.empty())
        return Fail(ErrorCode::kUnsupported,
                    "one end point is one vote: give each server an end point of its own");
      auto endpoint = ParseEndpoint(token);
      if (!endpoint) return std::unexpected(endpoint.error());
      address.endpoint = *std::move(endpoint);
    } else if (auto taken =
                   Take(address, Trim(token.substr(0, equals)), Trim(token.substr(equals + 1)));
               !taken) {
      return std::unexpected(taken.error());
    }
  }
  if (address.endpoint.host.empty())
    return Fail(ErrorCode::kInvalidArgument, "there is no host:port in the end point");
  return address;
}

}  // namespace itemgate::redlock
