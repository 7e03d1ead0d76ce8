#pragma once

#include <string_view>

#include "redis/acl.h"

namespace itemgate::seen {

/// How all keys begin.
inline constexpr std::string_view kKeyPrefix = "seen:";

/// What the seen cache takes of a server, beyond the connection.
[[nodiscard]] redis::AclNeeds SeenCacheNeeds(redis::AclPlace place);

}  // namespace itemgate::seen
