#include "lock/redlock/acl.h"

namespace itemgate::redlock {

redis::AclNeeds LockNeeds(std::string_view key_prefix) {
  const std::string pattern = redis::PatternOf(key_prefix);
  return {.keys = {pattern},
          .channels = {pattern},
          .commands = {"set", "get", "del", "pexpire", "eval", "evalsha", "script|load", "publish",
                       "subscribe", "unsubscribe", "info"}};
}

}  // namespace itemgate::redlock
