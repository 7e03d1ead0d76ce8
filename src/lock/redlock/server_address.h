#pragma once

#include <string_view>

#include "redis/node_options.h"

namespace itemgate::redlock {

/// `host:port,password=…,user=…,defaultDatabase=…,name=…,ssl=…,sslHost=…` as StackExchange.Redis has it, or
/// `redis://user:password@host:port/database`, or `rediss://…` with TLS. Fails with kInvalidArgument, and says which
/// part is not understood; with kUnsupported for one that would have to be honoured and is not.
[[nodiscard]] Result<redis::NodeOptions> ParseServerAddress(std::string_view text);

}  // namespace itemgate::redlock
