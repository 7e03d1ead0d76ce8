#include "config/agreement.h"

#include <algorithm>
#include <array>

#include "base/database_url.h"
#include "config/setting.h"
#include "net/tcp.h"

namespace itemgate::config {
namespace {

bool HasHttpBackend(const Settings& settings) { return settings.backend_url != "none"; }
bool HasBackend(const Settings& settings) {
  return HasHttpBackend(settings) || settings.backend_simulated_delay;
}
bool IsShared(const Settings& settings) { return settings.store != "embedded"; }

using Contradictions = std::vector<Contradiction>;

void CheckLimits(const Settings& settings, Contradictions& found) {
  const std::string body =
      "expected at least limits.body_bytes, which is " + SizeText(settings.limits_body_bytes.value);
  if (settings.save_wait_default > settings.save_wait_max)
    found.push_back({"save.wait_default", "expected at most save.wait_max, which is " +
                                              DurationText(settings.save_wait_max)});
  if (settings.limits_request_line_bytes.value > settings.limits_head_bytes.value)
    found.push_back({"limits.request_line_bytes", "expected at most limits.head_bytes, which is " +
                                                      SizeText(settings.limits_head_bytes.value)});
  if (settings.limits_gathered_bytes.value < settings.limits_body_bytes.value)
    found.push_back({"limits.gathered_bytes", body});
  if (settings.limits_in_flight_bytes.value < settings.limits_body_bytes.value)
    found.push_back({"limits.in_flight_bytes", body});
}

void CheckAddresses(const Settings& settings, Contradictions& found) {
  for (const std::string& text : settings.management_listen) {
    const auto management = Endpoint::Parse(text);
    const bool is_taken = std::ranges::any_of(settings.listen, [&](const std::string& address) {
      const auto api = Endpoint::Parse(address);
      return api && management && api->port != 0 && api->ToString() == management->ToString();
    });
    if (is_taken)
      found.push_back({"management.listen", "expected another address than listen has: " + text});
  }
}

void CheckStore(const Settings& settings, Contradictions& found) {
  // What else it is may have a password in it.
  if (IsShared(settings) && !IsPostgresUrl(settings.store))
    found.push_back({"store",
                     "expected embedded, or the URL of a database, such as "
                     "postgres://user@host/name"});
  constexpr std::uint64_t kDatabaseBodyBytesMax = 512 << 20;  // PostgreSQL has 1 GB for a statement
  if (IsShared(settings) && settings.limits_body_bytes.value > kDatabaseBodyBytesMax)
    found.push_back({"limits.body_bytes", "expected at most 512MiB with a database (store)"});
  if (!settings.redis.value.empty() && !IsShared(settings))
    found.push_back({"redis",
                     "expected only with a database that servers share (store): one server needs "
                     "no Redis"});
  if (settings.lock == "redlock" && settings.redis.value.empty())
    found.push_back({"lock", "expected Redis servers for redlock, best three or five (redis)"});
}

/// What the URL of the backend should be, and is not; empty if it is. There may be a password in it.
std::string_view ExpectedOfBackendUrl(std::string_view url) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  if (!url.starts_with(kHttp) && !url.starts_with(kHttps))
    return "expected a URL such as http://host:port, or https://host:port";
  url.remove_prefix(url.starts_with(kHttp) ? kHttp.size() : kHttps.size());
  if (url.contains('@'))
    return "expected no '@': what the backend wants to see goes into backend.headers_file";
  const auto is_plain = [](char c) {
    return c > ' ' && c < 0x7F && !std::string_view("?#\\\"<>").contains(c);
  };
  if (!std::ranges::all_of(url, is_plain)) return "expected a URL without '?', '#' or spaces";
  const std::string authority(url.substr(0, url.find('/')));
  const bool has_port = authority.find(':', authority.find(']') + 1) != std::string::npos;
  const auto endpoint = Endpoint::Parse(authority + (has_port ? "" : ":80"));
  if (authority.empty() || authority.starts_with(':') || !endpoint || endpoint->port == 0)
    return "expected a host, perhaps with a port of 1 to 65535, such as http://host:port";
  return "";
}

void CheckBackend(const Settings& settings, Contradictions& found) {
  const auto expected =
      HasHttpBackend(settings) ? ExpectedOfBackendUrl(settings.backend_url) : std::string_view();
  if (!expected.empty()) found.push_back({"backend.url", std::string(expected)});
  if (HasHttpBackend(settings) && settings.backend_simulated_delay)
    found.push_back(
        {"backend.simulated_delay", "expected off, for backend.url says that there is a real one"});
  if (settings.backend_headers_file != "none" && !HasHttpBackend(settings))
    found.push_back({"backend.headers_file", "expected only with backend.url"});
  const std::array<Contradiction, 4> of_https{
      {{"backend.ca_file", settings.backend_ca_file},
       {"backend.server_name", settings.backend_server_name},
       {"backend.certificate_file", settings.backend_certificate_file},
       {"backend.key_file", settings.backend_key_file}}};
  for (const auto& [key, value] : of_https) {
    if (value != "none" && !settings.backend_url.starts_with("https://"))
      found.push_back({key, "expected only with a backend.url that begins with https://"});
  }
  if (settings.backend_key_file != "none" && settings.backend_certificate_file == "none")
    found.push_back({"backend.key_file", "expected only with backend.certificate_file"});
}

}  // namespace

Contradictions ContradictionsIn(const Settings& settings) {
  Contradictions found;
  CheckAddresses(settings, found);
  CheckLimits(settings, found);
  CheckStore(settings, found);
  CheckBackend(settings, found);
  return found;
}

std::string_view WhyWithoutEffect(std::string_view key, const Settings& settings) {
  if (key == "data" && IsShared(settings)) return "items are in the database (store)";
  if (key.starts_with("postgres.") && !IsShared(settings))
    return "items are in the data directory (store)";
  if (key.starts_with("redlock.") && settings.redis.value.empty())
    return "there is no Redis (redis)";
  if (key.starts_with("redlock.") && settings.lock == "none") return "there are no locks (lock)";
  if (key == "backend.simulated_delay" || key == "backend.url" || !key.starts_with("backend."))
    return "";
  if (!HasBackend(settings)) return "there is no backend (backend.url)";
  const bool is_of_claims = key == "backend.lease" || key == "backend.horizon";
  if (is_of_claims && !IsShared(settings)) return "no other server has this backend (store)";
  if (!is_of_claims && !HasHttpBackend(settings)) return "the backend is simulated";
  return "";
}

}  // namespace itemgate::config
