#include "redis/connection_text.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "redis/connection_key.h"

namespace itemgate::redis {
namespace {

constexpr std::uint16_t kPort = 6379;
constexpr std::uint16_t kTlsPort = 6380;  // of connection strings; in URIs it is kPort
constexpr std::uint16_t kSentinelPort = 26379;

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::int64_t Milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// Appends ",key=value" to a connection string.
class Writer {
 public:
  explicit Writer(std::string& text) : text_(text) {}
  void Add(std::string_view key, std::string_view value) {
    text_.append(",").append(key).append("=").append(value);
  }
  void AddText(std::string_view key, const std::string& value) {
    if (!value.empty()) Add(key, value);
  }
  void AddSecret(std::string_view key, const std::string& value) {
    if (!value.empty()) Add(key, "*****");
  }
  void AddNumber(std::string_view key, std::int64_t value, std::int64_t usual) {
    if (value != usual) Add(key, std::to_string(value));
  }

 private:
  std::string& text_;
};

}  // namespace

Result<ConnectionSettings> ParseConnectionText(std::string_view text) {
  if (const auto scheme = text.find("://");
      scheme != text.npos && text.substr(0, scheme).find_first_of(",=") == text.npos)
    return ParseConnectionUri(Trimmed(text));
  ConnectionDraft draft;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view token = Trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (token.empty()) continue;
    const std::size_t equals = token.find('=');
    const auto applied = equals == token.npos
                             ? AddEndpoint(draft, token)
                             : ApplyConnectionKey(draft, Trimmed(token.substr(0, equals)),
                                                  Trimmed(token.substr(equals + 1)));
    if (!applied) return std::unexpected(applied.error());
  }
  return FinishConnection(std::move(draft), kTlsPort);
}

Result<void> AddEndpoint(ConnectionDraft& draft, std::string_view text) {
  if (text.starts_with('!') || text.starts_with('/'))
    return Fail(
        ErrorCode::kUnsupported,
        "\"" + std::string(text) + "\" is a Unix socket; only TCP is offered: give host:port");
  Endpoint endpoint;
  const bool bracketed = text.starts_with('[');
  const std::size_t host_end = bracketed ? text.find(']') : text.find(':');
  // An IPv6 address without brackets has no port.
  const bool bare_ipv6 = !bracketed && host_end != text.rfind(':');
  endpoint.host = bare_ipv6 ? text : text.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
  std::string_view rest;
  if (!bare_ipv6 && host_end != text.npos) rest = text.substr(host_end + (bracketed ? 1 : 0));
  bool is_right = !endpoint.host.empty() && !(bracketed && host_end == text.npos);
  if (!rest.empty()) {
    const std::string_view port = rest.substr(1);
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    is_right = is_right && rest[0] == ':' && error == std::errc() &&
               end == port.data() + port.size() && endpoint.port != 0;
  }
  if (!is_right || endpoint.host.find_first_of(" /@") != std::string::npos)
    return Fail(
        ErrorCode::kInvalidArgument,
        "a part of the connection text is no address; write host, host:port or [::1]:port, and "
        "key=value for all else; a password with a comma takes a URI");
  draft.settings.endpoints.push_back(std::move(endpoint));
  return {};
}

Result<ConnectionSettings> FinishConnection(ConnectionDraft draft, std::uint16_t tls_port) {
  ConnectionSettings& settings = draft.settings;
  const bool has_sentinels = settings.topology == Topology::kSentinel;
  std::vector<Endpoint> endpoints;
  for (Endpoint endpoint : settings.endpoints) {
    if (endpoint.port == 0)
      endpoint.port = has_sentinels ? kSentinelPort : draft.tls ? tls_port : kPort;
    const auto same = [&](const Endpoint& other) {
      return other.host == endpoint.host && other.port == endpoint.port;
    };
    if (std::ranges::none_of(endpoints, same)) endpoints.push_back(std::move(endpoint));
  }
  settings.endpoints = std::move(endpoints);
  if (settings.endpoints.empty())
    return Fail(ErrorCode::kInvalidArgument,
                "the connection text names no server: begin it with host:port");
  if (has_sentinels && settings.service_name.empty())
    return Fail(
        ErrorCode::kInvalidArgument,
        "the name of the service is missing: serviceName=..., or redis+sentinel://host/NAME");
  if (!draft.tls && draft.tls_options != TlsOptions{})
    return Fail(ErrorCode::kInvalidArgument,
                "sslHost, sslProtocols and the files are of use with ssl=true only");
  if (!draft.tls_options.key_file.empty() && draft.tls_options.certificate_file.empty())
    return Fail(ErrorCode::kInvalidArgument, "sslKeyFile needs sslCertFile");
  NodeOptions& node = settings.node;
  if (!node.greeting.user.empty() && node.greeting.password.empty())
    return Fail(ErrorCode::kInvalidArgument, "user needs password");
  if (settings.topology == Topology::kCluster && node.greeting.database.value_or(0) != 0)
    return Fail(ErrorCode::kInvalidArgument,
                "a cluster has database 0 only: leave the database out");
  if (draft.tls) node.tls = draft.tls_options;
  if (draft.sync_timeout) node.call_timeout = *draft.sync_timeout;
  if (draft.async_timeout) node.call_timeout = *draft.async_timeout;  // every call is asynchronous
  Greeting& sentinel = settings.sentinel_greeting;
  if (!has_sentinels && !(sentinel.user.empty() && sentinel.password.empty()))
    return Fail(ErrorCode::kInvalidArgument,
                "sentinelUser and sentinelPassword are of use with serviceName only");
  if (sentinel.user.empty()) sentinel.user = node.greeting.user;
  if (sentinel.password.empty()) sentinel.password = node.greeting.password;
  if (!sentinel.user.empty() && sentinel.password.empty())
    return Fail(ErrorCode::kInvalidArgument, "sentinelUser needs sentinelPassword, or password");
  sentinel.client_name = node.greeting.client_name;
  node.endpoint = settings.endpoints.front();
  return std::move(settings);
}

std::string DescribeConnection(const ConnectionSettings& settings) {
  const ConnectionSettings usual;
  std::string text;
  for (const Endpoint& endpoint : settings.endpoints)
    text.append(text.empty() ? "" : ",").append(endpoint.ToString());
  Writer writer(text);
  const NodeOptions& node = settings.node;
  writer.AddText("serviceName", settings.service_name);
  writer.AddText("user", node.greeting.user);
  writer.AddSecret("password", node.greeting.password);
  if (settings.topology == Topology::kSentinel) {
    const Greeting& sentinel = settings.sentinel_greeting;
    if (sentinel.user != node.greeting.user) writer.AddText("sentinelUser", sentinel.user);
    if (sentinel.password != node.greeting.password)
      writer.AddSecret("sentinelPassword", sentinel.password);
  }
  if (node.tls) {
    writer.Add("ssl", "true");
    writer.AddText("sslHost", node.tls->server_name);
    using Versions = TlsOptions::Versions;
    if (node.tls->versions != Versions::kAll)
      writer.Add("sslProtocols", node.tls->versions == Versions::kOnly13 ? "tls13" : "tls12");
    writer.AddText("sslCaFile", node.tls->ca_file);
    writer.AddText("sslCertFile", node.tls->certificate_file);
    writer.AddText("sslKeyFile", node.tls->key_file);
  }
  writer.AddText("name", node.greeting.client_name);
  if (node.greeting.database)
    writer.Add("defaultDatabase", std::to_string(*node.greeting.database));
  writer.AddNumber("connectTimeout", Milliseconds(node.connect_timeout),
                   Milliseconds(usual.node.connect_timeout));
  writer.AddNumber("asyncTimeout", Milliseconds(node.call_timeout),
                   Milliseconds(usual.node.call_timeout));
  writer.AddNumber("keepAlive", Milliseconds(node.ping_after) / 1000,
                   Milliseconds(usual.node.ping_after) / 1000);
  writer.AddNumber("configCheckSeconds", Milliseconds(settings.topology_check) / 1000,
                   Milliseconds(usual.topology_check) / 1000);
  writer.AddText("channelPrefix", settings.channel_prefix);
  if (node.greeting.names_library) writer.Add("setlib", "true");
  return text;
}

}  // namespace itemgate::redis
