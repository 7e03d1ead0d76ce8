#pragma once

#include <span>
#include <string>
#include <string_view>

#include "redis/connection_text.h"

namespace itemgate::redlock {

/// The one server that a connection text (redis/connection_text.h) names. Fails as ParseConnectionText does, and with
/// kUnsupported for Sentinels, a cluster, several servers, or a prefix of channels.
[[nodiscard]] Result<redis::NodeOptions> ParseServerAddress(std::string_view text);

/// What a vote's connection texts name: one server; a group, by its Sentinels or by several servers, in one text or in
/// texts that are alike but for the servers. Fails with kInvalidArgument, and with kUnsupported for a cluster and for a
/// prefix of channels.
[[nodiscard]] Result<redis::ConnectionSettings> ParseVote(std::span<const std::string> texts);

}  // namespace itemgate::redlock
