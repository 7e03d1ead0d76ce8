#pragma once

#include <string_view>

#include "redis/node_options.h"

namespace itemgate::redlock {

/// The one server that a connection text (redis/connection_text.h) names. Fails as ParseConnectionText does, and with
/// kUnsupported for Sentinels, a cluster, several servers, or a prefix of channels.
[[nodiscard]] Result<redis::NodeOptions> ParseServerAddress(std::string_view text);

}  // namespace itemgate::redlock
