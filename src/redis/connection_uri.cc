#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/suggestion.h"
#include "redis/connection_key.h"

namespace itemgate::redis {
namespace {

constexpr std::uint16_t kTlsPort = 6379;

std::unexpected<Error> Wrong(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

Result<std::string> PercentDecoded(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    if (text[0] != '%') {
      decoded.push_back(text[0]);
      text.remove_prefix(1);
      continue;
    }
    unsigned char byte = 0;
    const char* const end = text.data() + std::min<std::size_t>(3, text.size());
    if (end - text.data() < 3 || std::from_chars(text.data() + 1, end, byte, 16).ptr != end)
      return Wrong("a % in a URI is followed by two hexadecimal digits; % itself is written %25");
    decoded.push_back(static_cast<char>(byte));
    text.remove_prefix(3);
  }
  return decoded;
}

/// Takes what stands before the separator, and the separator; all of the text if there is none.
std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

Result<void> ApplyScheme(ConnectionDraft& draft, std::string_view scheme) {
  const std::string_view base = scheme.substr(0, scheme.find('+'));
  const std::string_view kind = scheme.substr(base.size());
  if ((base != "redis" && base != "rediss") ||
      (!kind.empty() && kind != "+sentinel" && kind != "+cluster")) {
    std::string message = "a URI does not begin with \"" + std::string(scheme) + "://\"";
    const auto nearest =
        NearestName(scheme, {"redis", "rediss", "redis+sentinel", "rediss+sentinel",
                             "redis+cluster", "rediss+cluster"});
    message += nearest
                   ? "; did you mean \"" + *nearest + "://\"?"
                   : "; use redis://, rediss:// (with TLS), redis+sentinel:// or redis+cluster://";
    return Wrong(std::move(message));
  }
  draft.tls = base == "rediss";
  if (kind == "+sentinel") draft.settings.topology = Topology::kSentinel;
  if (kind == "+cluster") draft.settings.topology = Topology::kCluster;
  return {};
}

Result<void> ApplyUser(ConnectionDraft& draft, std::string_view user_info) {
  const std::size_t colon = user_info.find(':');
  if (colon == user_info.npos)
    return Wrong("what stands before @ has no colon: write user:password@, or :password@");
  auto user = PercentDecoded(user_info.substr(0, colon));
  auto password = PercentDecoded(user_info.substr(colon + 1));
  if (!user) return std::unexpected(user.error());
  if (!password) return std::unexpected(password.error());
  draft.settings.node.greeting.user = *std::move(user);
  draft.settings.node.greeting.password = *std::move(password);
  return {};
}

Result<void> ApplyPath(ConnectionDraft& draft, std::string_view path) {
  if (draft.settings.topology == Topology::kSentinel) {
    auto name = PercentDecoded(TakeUntil(path, '/'));
    if (!name) return std::unexpected(name.error());
    draft.settings.service_name = *std::move(name);
  }
  if (path.empty()) return {};
  if (auto applied = ApplyConnectionKey(draft, "defaultDatabase", path); !applied)
    return Wrong("the path of the URI is the database: " + applied.error().message);
  return {};
}

Result<void> ApplyQuery(ConnectionDraft& draft, std::string_view query) {
  while (!query.empty()) {
    std::string_view pair = TakeUntil(query, '&');
    const auto key = PercentDecoded(TakeUntil(pair, '='));
    const auto value = PercentDecoded(pair);
    if (!key) return std::unexpected(key.error());
    if (!value) return std::unexpected(value.error());
    if (auto applied = ApplyConnectionKey(draft, *key, *value); !applied) return applied;
  }
  return {};
}

}  // namespace

Result<ConnectionSettings> ParseConnectionUri(std::string_view text) {
  ConnectionDraft draft;
  const std::size_t scheme_size = text.find("://");
  if (auto applied = ApplyScheme(draft, text.substr(0, scheme_size)); !applied)
    return std::unexpected(applied.error());
  std::string_view rest = text.substr(scheme_size + 3);
  if (rest.contains('#')) return Wrong("a URI of Redis has no fragment: # is written %23");
  std::string_view before_query = TakeUntil(rest, '?');
  std::string_view authority = TakeUntil(before_query, '/');
  if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
    if (auto applied = ApplyUser(draft, authority.substr(0, at)); !applied)
      return std::unexpected(applied.error());
    authority.remove_prefix(at + 1);
  }
  if (authority.empty()) authority = "localhost";
  while (!authority.empty()) {
    const auto host = PercentDecoded(TakeUntil(authority, ','));
    if (!host) return std::unexpected(host.error());
    if (auto added = AddEndpoint(draft, *host); !added) return std::unexpected(added.error());
  }
  if (auto applied = ApplyPath(draft, before_query); !applied)
    return std::unexpected(applied.error());
  if (auto applied = ApplyQuery(draft, rest); !applied) return std::unexpected(applied.error());
  return FinishConnection(std::move(draft), kTlsPort);
}

}  // namespace itemgate::redis
