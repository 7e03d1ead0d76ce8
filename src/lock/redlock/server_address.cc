#include "lock/redlock/server_address.h"

#include "redis/connection_text.h"

namespace itemgate::redlock {

Result<redis::NodeOptions> ParseServerAddress(std::string_view text) {
  auto settings = redis::ParseConnectionText(text);
  if (!settings) return std::unexpected(settings.error());
  if (settings->topology != redis::Topology::kNodes || settings->endpoints.size() != 1)
    return Fail(ErrorCode::kUnsupported,
                "one end point is one vote: give each server an end point of its own, host:port, "
                "without Sentinels or a cluster");
  if (!settings->channel_prefix.empty())
    return Fail(ErrorCode::kUnsupported, "channelPrefix is not supported for locks; leave it out");
  return std::move(settings->node);
}

}  // namespace itemgate::redlock
