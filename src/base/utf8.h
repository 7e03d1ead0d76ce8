#pragma once

#include <cstddef>
#include <string_view>

namespace itemgate {

/// The length of the well-formed UTF-8 sequence (RFC 3629) at the front of `text`: 1 to 4 bytes, or
/// 0 if there is none: truncated, overlong, a surrogate, beyond U+10FFFF, or no text at all.
[[nodiscard]] std::size_t Utf8SequenceLength(std::string_view text);

/// True if all of `text` is well-formed UTF-8.
[[nodiscard]] bool IsUtf8(std::string_view text);

}  // namespace itemgate
