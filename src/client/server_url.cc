#include "client/server_url.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace itemgate::client {
namespace {

std::unexpected<Error> Refuse(std::string_view text, std::string_view problem) {
  return Fail(ErrorCode::kInvalidArgument,
              "the address of the server is not acceptable: " + std::string(problem) +
                  "; write http://HOST:PORT or https://HOST instead of '" + std::string(text) +
                  "'");
}

/// Visible ASCII that has no meaning of its own in a URL beside its place here.
bool IsPlain(std::string_view part) {
  return std::ranges::all_of(part, [](char c) {
    return c > ' ' && c < 0x7F && std::string_view("?#@\\\"<>").find(c) == std::string_view::npos;
  });
}

}  // namespace

Result<ServerUrl> ServerUrl::Parse(std::string_view text, Schemes schemes) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  const bool is_https = text.starts_with(kHttps);
  const bool takes_https = schemes == Schemes::kHttpOrHttps;
  std::string_view rest = text;
  if (text.contains('@'))  // with a password in front of it, perhaps
    return Refuse("...", "it has an '@', and a user or password have no place in it");
  if (is_https && !takes_https)
    return Fail(ErrorCode::kInvalidArgument,
                "https is not offered here: give the server's own address, http://HOST:PORT, "
                "instead of a TLS proxy's");
  if (text.starts_with(kHttp) || is_https) {
    rest.remove_prefix(is_https ? kHttps.size() : kHttp.size());
  } else if (text.contains("://")) {
    return Refuse(text, "only http and https are offered");
  }
  if (!IsPlain(rest))
    return Refuse(text, "it has a character that is not allowed, such as a space or '?'");
  const std::string_view authority = rest.substr(0, rest.find('/'));
  std::string_view prefix = rest.substr(authority.size());
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (authority.empty() || authority.starts_with(':')) return Refuse(text, "it names no host");

  const std::size_t host_end = authority.find(']') + 1;  // 0 if the host has no brackets
  const bool has_port = authority.find(':', host_end) != std::string_view::npos;
  const std::string with_port = std::string(authority) + (has_port   ? ""
                                                          : is_https ? ":443"
                                                                     : ":80");
  auto endpoint = Endpoint::Parse(with_port);
  if (!endpoint) return Refuse(text, endpoint.error().message);
  if (endpoint->port == 0) return Refuse(text, "its port is 0");
  return ServerUrl{.is_https = is_https,
                   .endpoint = *std::move(endpoint),
                   .authority = std::string(authority),
                   .prefix = std::string(prefix)};
}

}  // namespace itemgate::client
