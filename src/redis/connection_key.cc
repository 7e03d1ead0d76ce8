#include "redis/connection_key.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "base/suggestion.h"

namespace itemgate::redis {
namespace {

using Applied = Result<void>;

constexpr std::int64_t kMillisecondsMax = 24 * 3600 * 1000;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

std::unexpected<Error> Wrong(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::unexpected<Error> Unsupported(std::string message) {
  return Fail(ErrorCode::kUnsupported, std::move(message));
}

Result<bool> ParseBool(std::string_view value) {
  const std::string lower = Lower(value);
  if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
  return Wrong("\"" + std::string(value) + "\" is neither true nor false");
}

Result<std::int64_t> ParseNumber(std::string_view value, std::int64_t min, std::int64_t max) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < min || number > max)
    return Wrong("\"" + std::string(value) + "\" is no number from " + std::to_string(min) +
                 " to " + std::to_string(max));
  return number;
}

template <typename Target>
Applied SetBool(Target& target, std::string_view value) {
  const auto parsed = ParseBool(value);
  if (!parsed) return std::unexpected(parsed.error());
  target = *parsed;
  return {};
}

template <typename Target>
Applied SetMilliseconds(Target& target, std::string_view value) {
  const auto parsed = ParseNumber(value, 1, kMillisecondsMax);
  if (!parsed) return std::unexpected(parsed.error());
  target = std::chrono::milliseconds(*parsed);
  return {};
}

Applied SetText(std::string& target, std::string_view value) {
  target = value;
  return {};
}

/// For what is always so here: the other value is refused, with the reason.
Applied MustBe(bool wanted, std::string_view value, std::string reason) {
  const auto parsed = ParseBool(value);
  if (!parsed) return std::unexpected(parsed.error());
  if (*parsed != wanted) return Unsupported(std::move(reason));
  return {};
}

Applied MustBeEmpty(std::string_view value, std::string reason) {
  if (!value.empty()) return Unsupported(std::move(reason));
  return {};
}

Applied SetKeepAlive(ConnectionDraft& draft, std::string_view value) {
  const auto seconds = ParseNumber(value, -1, 24 * 3600);
  if (!seconds) return std::unexpected(seconds.error());
  if (*seconds == 0) return Unsupported("a connection is always pinged; leave keepAlive out");
  if (*seconds > 0) draft.settings.node.ping_after = std::chrono::seconds(*seconds);
  return {};
}

Applied SetName(ConnectionDraft& draft, std::string_view value) {
  // As the server wants it: no spaces, no special characters.
  if (std::ranges::any_of(value, [](char c) { return c < '!' || c > '~'; }))
    return Wrong("a client's name has no spaces and only printable ASCII characters");
  return SetText(draft.settings.node.greeting.client_name, value);
}

Applied SetDatabase(ConnectionDraft& draft, std::string_view value) {
  const auto number = ParseNumber(value, 0, 1'000'000);
  if (!number) return std::unexpected(number.error());
  draft.settings.node.greeting.database = static_cast<int>(*number);
  return {};
}

Applied SetProtocols(ConnectionDraft& draft, std::string_view value) {
  bool tls_1_2 = false;
  bool tls_1_3 = false;
  for (std::string rest = Lower(value) + "|"; !rest.empty();) {
    const std::string name = rest.substr(0, rest.find('|'));
    rest.erase(0, name.size() + 1);
    if (name != "tls12" && name != "tls13" && name != "none")
      return Unsupported("\"" + name + "\" is not offered: tls12 and tls13 are, joined by |");
    tls_1_2 = tls_1_2 || name != "tls13";
    tls_1_3 = tls_1_3 || name != "tls12";
  }
  using Versions = TlsOptions::Versions;
  draft.tls_options.versions = !tls_1_2   ? Versions::kOnly13
                               : !tls_1_3 ? Versions::kOnly12
                                          : Versions::kAll;
  return {};
}

Applied SetProxy(std::string_view value) {
  if (Lower(value) == "none") return {};
  return Unsupported("proxies are not spoken to: give the servers themselves");
}

Applied SetProtocol(std::string_view value) {
  const std::string lower = Lower(value);
  if (lower == "resp2" || lower == "2") return {};
  return Unsupported("this client speaks RESP2, as every server does: leave protocol out");
}

Applied SetVersion(std::string_view value) {
  if (!value.empty() && value.find_first_not_of("0123456789.") == value.npos) return {};
  return Wrong("\"" + std::string(value) + "\" is no version such as 7.0");
}

Applied SetServiceName(ConnectionDraft& draft, std::string_view value) {
  draft.settings.topology = Topology::kSentinel;
  return SetText(draft.settings.service_name, value);
}

struct Key {
  std::string_view name;
  Applied (*apply)(ConnectionDraft& draft, std::string_view value);
};
using Draft = ConnectionDraft;
using Value = std::string_view;

constexpr std::array kKeys{
    Key{"abortConnect",
        [](Draft&, Value v) {
          return MustBe(false, v,
                        "a server that is not there yet is waited for, and does without: say "
                        "abortConnect=false, and let `itemgate doctor redis` look at the servers");
        }},
    // No command that would need it is ever sent.
    Key{"allowAdmin",
        [](Draft&, Value v) {
          bool ignored;
          return SetBool(ignored, v);
        }},
    Key{"channelPrefix", [](Draft& d, Value v) { return SetText(d.settings.channel_prefix, v); }},
    Key{"checkCertificateRevocation",
        [](Draft&, Value v) {
          return MustBe(false, v,
                        "revocation lists are not read: say checkCertificateRevocation=false");
        }},
    Key{"configChannel",
        [](Draft&, Value v) {
          return MustBeEmpty(v,
                             "changes of the topology are learnt from Sentinels or the cluster, "
                             "not from a channel:"
                             " leave configChannel out");
        }},
    Key{"configCheckSeconds",
        [](Draft& d, Value v) -> Applied {
          const auto seconds = ParseNumber(v, 1, 24 * 3600);
          if (!seconds) return std::unexpected(seconds.error());
          d.settings.topology_check = std::chrono::seconds(*seconds);
          return {};
        }},
    // Attempts never end.
    Key{"connectRetry",
        [](Draft&, Value v) -> Applied {
          const auto count = ParseNumber(v, 1, 1000);
          if (!count) return std::unexpected(count.error());
          return {};
        }},
    Key{"connectTimeout",
        [](Draft& d, Value v) { return SetMilliseconds(d.settings.node.connect_timeout, v); }},
    Key{"defaultDatabase", SetDatabase},
    Key{"keepAlive", SetKeepAlive},
    Key{"name", SetName},
    Key{"password",
        [](Draft& d, Value v) { return SetText(d.settings.node.greeting.password, v); }},
    Key{"user", [](Draft& d, Value v) { return SetText(d.settings.node.greeting.user, v); }},
    Key{"sentinelPassword",
        [](Draft& d, Value v) { return SetText(d.settings.sentinel_greeting.password, v); }},
    Key{"sentinelUser",
        [](Draft& d, Value v) { return SetText(d.settings.sentinel_greeting.user, v); }},
    Key{"serviceName", SetServiceName},
    Key{"proxy", [](Draft&, Value v) { return SetProxy(v); }},
    // Names are looked up anew at each attempt to connect, whatever it says.
    Key{"resolveDns",
        [](Draft&, Value v) {
          bool ignored;
          return SetBool(ignored, v);
        }},
    Key{"ssl", [](Draft& d, Value v) { return SetBool(d.tls, v); }},
    Key{"sslHost", [](Draft& d, Value v) { return SetText(d.tls_options.server_name, v); }},
    Key{"sslProtocols", SetProtocols},
    Key{"sslCaFile", [](Draft& d, Value v) { return SetText(d.tls_options.ca_file, v); }},
    Key{"sslCertFile",
        [](Draft& d, Value v) { return SetText(d.tls_options.certificate_file, v); }},
    Key{"sslKeyFile", [](Draft& d, Value v) { return SetText(d.tls_options.key_file, v); }},
    Key{"syncTimeout", [](Draft& d, Value v) { return SetMilliseconds(d.sync_timeout, v); }},
    Key{"asyncTimeout", [](Draft& d, Value v) { return SetMilliseconds(d.async_timeout, v); }},
    Key{"tcpKeepAlive",
        [](Draft&, Value v) {
          return MustBe(
              true, v,
              "the system's keep-alive is how a dead peer is noticed: leave tcpKeepAlive out");
        }},
    Key{"tiebreaker",
        [](Draft&, Value v) {
          return MustBeEmpty(v,
                             "nothing chooses among several primaries: give one, or use Sentinel "
                             "(serviceName=...)");
        }},
    Key{"version", [](Draft&, Value v) { return SetVersion(v); }},
    Key{"tunnel",
        [](Draft&, Value v) {
          return MustBeEmpty(v, "there are no tunnels: forward a port, and give its address");
        }},
    Key{"setlib",
        [](Draft& d, Value v) { return SetBool(d.settings.node.greeting.names_library, v); }},
    Key{"protocol", [](Draft&, Value v) { return SetProtocol(v); }},
    Key{"highIntegrity",
        [](Draft&, Value v) {
          return MustBe(
              false, v,
              "replies are checked strictly, and no sequence is sent: leave highIntegrity out");
        }},
    // Ignored by StackExchange.Redis as well.
    Key{"responseTimeout", [](Draft&, Value) { return Applied(); }},
    Key{"writeBuffer", [](Draft&, Value) { return Applied(); }},
    Key{"highPriorityThreads", [](Draft&, Value) { return Applied(); }},
    Key{"preserveAsyncOrder", [](Draft&, Value) { return Applied(); }},
};

/// Does not repeat what may be a part of the password before it.
std::unexpected<Error> UnknownKey(const ConnectionDraft& draft, std::string_view key) {
  std::vector<std::string> names;
  for (const Key& known : kKeys) names.emplace_back(known.name);
  const auto nearest = NearestName(key, names);
  const bool may_be_secret = !nearest && !draft.settings.node.greeting.password.empty();
  std::string message = may_be_secret ? "after the password stands a key that there is not"
                                      : "there is no key \"" + std::string(key) + "\"";
  if (nearest)
    message += "; did you mean \"" + *nearest + "\"?";
  else
    message += "; if it is a part of a password with a comma, use a URI, and write %2C there";
  return Wrong(std::move(message));
}

}  // namespace

Result<void> ApplyConnectionKey(ConnectionDraft& draft, std::string_view key,
                                std::string_view value) {
  if (key.starts_with('$'))
    return Unsupported("commands are neither renamed nor disabled: leave \"" + std::string(key) +
                       "\" out, and rename no command that is used on the server");
  const std::string lower = Lower(key);
  const auto known = std::ranges::find_if(
      kKeys, [&](const Key& candidate) { return Lower(candidate.name) == lower; });
  if (known == kKeys.end()) return UnknownKey(draft, key);
  auto applied = known->apply(draft, value);
  if (!applied)
    return Fail(applied.error().code, std::string(known->name) + ": " + applied.error().message);
  return {};
}

}  // namespace itemgate::redis
