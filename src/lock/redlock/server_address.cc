#include "lock/redlock/server_address.h"

#include <optional>
#include <utility>

#include "redis/connection_text.h"

namespace itemgate::redlock {
namespace {

Result<void> CheckFitForLocks(const redis::ConnectionSettings& settings) {
  if (settings.topology == redis::Topology::kCluster)
    return Fail(ErrorCode::kUnsupported,
                "a Redis Cluster is no vote: name single servers, or groups that Sentinels watch");
  if (!settings.channel_prefix.empty())
    return Fail(ErrorCode::kUnsupported,
                "channelPrefix is not offered for locks, whose channels are called as their keys: "
                "leave it out");
  return {};
}

/// But for their servers.
bool AreAlike(const redis::ConnectionSettings& a, const redis::ConnectionSettings& b) {
  const auto is_nodes = [](const redis::ConnectionSettings& settings) {
    return settings.topology == redis::Topology::kNodes;
  };
  return is_nodes(a) && is_nodes(b) && a.node.greeting == b.node.greeting &&
         a.node.tls == b.node.tls && a.node.connect_timeout == b.node.connect_timeout &&
         a.node.call_timeout == b.node.call_timeout && a.node.ping_after == b.node.ping_after;
}

}  // namespace

Result<redis::ConnectionSettings> ParseVote(std::span<const std::string> texts) {
  if (texts.empty()) return Fail(ErrorCode::kInvalidArgument, "an end point has no address");
  std::optional<redis::ConnectionSettings> vote;
  for (const std::string& text : texts) {
    auto settings = redis::ParseConnectionText(text);
    if (!settings) return settings;
    if (auto fit = CheckFitForLocks(*settings); !fit) return std::unexpected(fit.error());
    if (!vote) {
      vote = *std::move(settings);
      continue;
    }
    if (!AreAlike(*vote, *settings))
      return Fail(
          ErrorCode::kInvalidArgument,
          "the servers of one end point must differ in their address only; Sentinels of one "
          "group stand in one text");
    vote->endpoints.insert(vote->endpoints.end(), settings->endpoints.begin(),
                           settings->endpoints.end());
  }
  return *std::move(vote);
}

}  // namespace itemgate::redlock
