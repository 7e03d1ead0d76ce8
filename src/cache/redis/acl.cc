#include "cache/redis/acl.h"

namespace itemgate::seen {

redis::AclNeeds SeenCacheNeeds(redis::AclPlace place) {
  redis::AclNeeds needs{.keys = {redis::PatternOf(kKeyPrefix)}, .commands = {"mget", "mset"}};
  if (place == redis::AclPlace::kClusterNode) needs.commands = {"get", "set"};
  return needs;
}

}  // namespace itemgate::seen
