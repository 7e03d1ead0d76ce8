#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace itemgate {

// The parts of a JSON string (RFC 8259 section 7) that every reader of JSON needs.

/// The end of the run that starts at `begin` and stands for itself: ASCII without controls, quote and backslash.
[[nodiscard]] inline std::size_t JsonPlainRunEnd(std::string_view text, std::size_t begin) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::size_t at = begin;
  for (; at + 8 <= text.size(); at += 8) {
    const auto bytes = LoadLittle<std::uint64_t>(text.data() + at);
    // The top bit of each byte tells; a borrow spoils only bytes above one that is told anyway.
    const std::uint64_t special = ((bytes - kOnes * 0x20) | ((bytes ^ (kOnes * '"')) - kOnes) |
                                   ((bytes ^ (kOnes * '\\')) - kOnes) | bytes) &
                                  (kOnes * 0x80);
    if (special != 0) return at + static_cast<std::size_t>(std::countr_zero(special)) / 8;
  }
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
  }
  return at;
}

[[nodiscard]] constexpr bool IsHighSurrogate(char32_t unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
[[nodiscard]] constexpr bool IsLowSurrogate(char32_t unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/// What the escape `\uXXXX` at the start of `text` stands for, together with its other half if it is a pair.
struct JsonUnicodeEscape {
  char32_t point = 0;      // a lone surrogate stands for itself: the caller refuses it
  std::size_t length = 6;  // of the escape, or of both
};
/// Nothing if there is no such escape.
[[nodiscard]] std::optional<JsonUnicodeEscape> JsonUnicodeEscapeAt(std::string_view text);

/// REQUIRES: the code point is no surrogate, and at most U+10FFFF.
void AppendUtf8(char32_t point, std::string& out);

}  // namespace itemgate
