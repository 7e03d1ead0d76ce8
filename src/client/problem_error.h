#pragma once

#include <string_view>

#include "itemgate/error.h"
#include "itemgate/save_result.h"

namespace itemgate::client {

/// What a problem's stable code means to the caller; of a code that is not known, what its status means.
[[nodiscard]] ErrorCode ErrorCodeOfProblem(int status, std::string_view code);

/// How a save ended that was refused with that status and code.
[[nodiscard]] Outcome OutcomeOfProblem(int status, std::string_view code);

}  // namespace itemgate::client
