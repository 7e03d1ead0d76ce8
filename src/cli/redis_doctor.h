#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "itemgate/error.h"
#include "redis/node_options.h"

namespace itemgate::cli {

/// What was learnt of one Redis server.
struct RedisExamination {
  std::string address;
  std::string failure;  // why it could not be asked; empty: it was
  std::string info;     // all that INFO says; empty if the ACL forbids it, or it was not answered
  std::string silence;  // why INFO was not answered; empty: it was, or is forbidden
  bool uses_tls = false;
  bool is_default_user = true;
  std::optional<Duration> clock_offset;  // its clock ahead of ours, give or take half a round trip
  std::optional<Duration> clock_drift;   // how much that changed within a second
};

enum class Severity { kFine, kWarning, kProblem };

struct Finding {
  Severity severity;
  std::string address;  // empty: of the deployment as a whole
  std::string text;
};

/// The value of a line `name:value` of INFO; empty if there is none.
[[nodiscard]] std::string_view InfoField(std::string_view info, std::string_view name);

/// Asks all servers at once, for about a second; blocks.
[[nodiscard]] Result<std::vector<RedisExamination>> ExamineRedis(
    const std::vector<redis::NodeOptions>& servers, const Clock& clock);

/// What is wrong with them as servers of locks, and what to do.
[[nodiscard]] std::vector<Finding> DiagnoseLockServers(
    const std::vector<RedisExamination>& servers);

/// The least that an ACL user needs for locks, as a line of an ACL file.
[[nodiscard]] std::string LeastLockAcl(std::string_view user, std::string_view key_prefix);

}  // namespace itemgate::cli
