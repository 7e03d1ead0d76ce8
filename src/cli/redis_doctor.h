#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/redis_examination.h"

namespace itemgate::cli {

enum class Severity : std::uint8_t { kFine, kWarning, kProblem };

struct Finding {
  Severity severity;
  std::string address;  // of a server, a Sentinel or a group; empty: of the deployment as a whole
  std::string text;
};

/// What is wrong with them as servers of locks, or of a seen cache, and what to do.
[[nodiscard]] std::vector<Finding> DiagnoseRedis(const std::vector<GroupExamination>& groups,
                                                 RedisUse use);

}  // namespace itemgate::cli
