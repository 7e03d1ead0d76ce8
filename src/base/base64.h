#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace itemgate {

/// RFC 4648 §4, with padding.
[[nodiscard]] std::string Base64(std::string_view bytes);

/// What those characters stand for; nothing if they are not what Base64 would have written: another alphabet, no or
/// wrong padding, spaces, bits behind the last byte that are not zero.
[[nodiscard]] std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace itemgate
