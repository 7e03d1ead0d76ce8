#pragma once

#include <string_view>

namespace itemgate {

/// True if the text has one of the signs `*`, `?` and `[`.
[[nodiscard]] bool HasWildcard(std::string_view text);

/// True if one name of a path matches the pattern: `*` is any characters, `?` any one byte, `[a-z]` one of a set,
/// `[!a-z]` one outside it, `\x` the character x. A dot in front is matched by a dot only, as in a shell. A `[` without
/// its `]` is a plain character. Takes time in proportion to pattern × name, whatever the pattern is.
[[nodiscard]] bool MatchesName(std::string_view pattern, std::string_view name);

}  // namespace itemgate
