#pragma once

#include <string_view>

#include "redis/acl.h"

namespace itemgate::redlock {

/// What the locks take of a server, beyond the connection. Not all of it is indispensable: docs/redlock.md.
[[nodiscard]] redis::AclNeeds LockNeeds(std::string_view key_prefix);

}  // namespace itemgate::redlock
