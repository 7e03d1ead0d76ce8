#pragma once

#include <span>
#include <string>
#include <string_view>

#include "redis/connection_text.h"

namespace itemgate::redlock {

/// What a vote's connection texts name: one server; a group, by its Sentinels or by several servers, in one text or in
/// texts that are alike but for the servers. Fails with kInvalidArgument, and with kUnsupported for a cluster and for a
/// prefix of channels.
[[nodiscard]] Result<redis::ConnectionSettings> ParseVote(std::span<const std::string> texts);

}  // namespace itemgate::redlock
