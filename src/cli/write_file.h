#pragma once

#include <string>
#include <string_view>

#include "itemgate/error.h"

namespace itemgate::cli {

/// Writes the text to a file, in place of what is there, and makes the directories on the way. Fails with kIo.
[[nodiscard]] Result<void> WriteFile(const std::string& path, std::string_view text);

}  // namespace itemgate::cli
