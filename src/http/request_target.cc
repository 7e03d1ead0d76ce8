#include "http/request_target.h"

#include <algorithm>

#include "http/ascii.h"

namespace itemgate::http {
namespace {

constexpr ParseProblem kBadTarget{
    400, "bad_request",
    "The target must be a path that begins with '/', with other bytes than ASCII percent-encoded."};
constexpr ParseProblem kMisdirected{421, "misdirected",
                                    "The target names another host than the Host field."};

constexpr auto kHostBytes = [] {
  auto table = kTokenBytes;
  for (const char c : std::string_view("()=;[]:")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool IsHostByte(char c) { return kHostBytes[static_cast<unsigned char>(c)]; }

/// Without the port, if that is the default.
std::string_view WithoutDefaultPort(std::string_view authority, std::string_view port) {
  if (authority.ends_with(port)) authority.remove_suffix(port.size());
  return authority;
}

struct Scheme {
  std::string_view prefix;
  std::string_view default_port;
};
constexpr Scheme kSchemes[] = {{"http://", ":80"}, {"https://", ":443"}};

std::optional<Scheme> SchemeOf(std::string_view target) {
  for (const Scheme& scheme : kSchemes) {
    if (EqualsIgnoringCase(target.substr(0, scheme.prefix.size()), scheme.prefix)) return scheme;
  }
  return std::nullopt;
}

}  // namespace

bool IsAuthority(std::string_view text) {
  if (!std::ranges::all_of(text, IsHostByte)) return false;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || text.find('[', 1) != std::string_view::npos) return false;
    port = text.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return false;
  } else {
    if (text.find_first_of("[]") != std::string_view::npos) return false;
    port = text.substr(std::min(text.find(':'), text.size()));
  }
  if (!port.empty()) port.remove_prefix(1);
  return port.size() <= 5 && std::ranges::all_of(port, IsDigit);
}

std::optional<ParseProblem> ParseTarget(std::string_view target, std::string_view host,
                                        Request& request) {
  const auto is_allowed = [](char c) { return c > ' ' && c < 0x7F && c != '#'; };
  if (!std::ranges::all_of(target, is_allowed)) return kBadTarget;
  if (const auto scheme = SchemeOf(target)) {
    target.remove_prefix(scheme->prefix.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    const std::string_view authority = target.substr(0, end);
    if (authority.empty() || !IsAuthority(authority)) return kBadTarget;
    if (!EqualsIgnoringCase(WithoutDefaultPort(authority, scheme->default_port),
                            WithoutDefaultPort(host, scheme->default_port))) {
      return kMisdirected;
    }
    target.remove_prefix(end);
    if (target.empty()) target = "/";
  } else if (target == "*" && request.method != Method::kOptions) {
    return kBadTarget;
  }
  if (!target.starts_with('/') && target != "*") return kBadTarget;

  const std::size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  request.query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  return std::nullopt;
}

}  // namespace itemgate::http
