#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemgate {

/// The known name that was probably meant: the nearest by inserted, deleted, changed and swapped characters, or one
/// that begins with what was typed. Nothing if none is near.
[[nodiscard]] std::optional<std::string> NearestName(std::string_view typed,
                                                     const std::vector<std::string>& known);

}  // namespace itemgate
