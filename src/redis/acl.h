#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/error.h"

namespace itemgate::redis {

/// What a user of a server's ACL must be allowed, and need not more than.
struct AclNeeds {
  std::vector<std::string> keys;           // patterns
  std::vector<std::string> channels;       // patterns
  std::vector<std::string_view> commands;  // "get", "client|setname"

  /// Adds what is not there yet.
  void Add(const AclNeeds& more);
};

/// What the server is in its deployment.
enum class AclPlace : std::uint8_t {
  kServer,       // stands alone, or is watched by Sentinels
  kGroupMember,  // one of several in one text, of which the primary is asked for
  kSentinel,
  kClusterNode,
};

/// The pattern of all that begins so.
[[nodiscard]] std::string PatternOf(std::string_view prefix);

/// What the connection itself takes, and finding the way. Of a Sentinel that is everything.
[[nodiscard]] AclNeeds ConnectionNeeds(AclPlace place);

/// The needs as a line of an ACL file, with "PASSWORD" for the password. It begins with a reset, so that nothing else
/// is left allowed. Fails with kInvalidArgument if the user or a pattern has what such a line cannot hold.
[[nodiscard]] Result<std::string> AclLine(std::string_view user, const AclNeeds& needs);

}  // namespace itemgate::redis
