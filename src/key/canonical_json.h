#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "itemgate/error.h"

namespace itemgate {

/// How deep arrays and objects may lie in each other.
inline constexpr std::size_t kJsonDepthMax = 512;

/// The canonical form (RFC 8785) of a JSON text: equal values, however they are spelled, have equal
/// forms, and the canonical form of a canonical form is itself.
///
/// Strict: accepts I-JSON (RFC 7493) of any top-level value, and only such numbers as survive.
/// Fails with kNotCanonical, the byte offset and what to do, but never repeats the content, for
/// everything else: duplicate names, surrogates that are not a pair, noncharacters, numbers beyond
/// an IEEE double, integers that a double would change into another one.
///
/// From any thread; blocks no one; time and memory grow in proportion to the text (sorting apart).
[[nodiscard]] Result<std::string> CanonicalJson(std::string_view text);

}  // namespace itemgate
