#pragma once

#include <compare>
#include <string_view>

namespace itemgate {

/// Compares two member names, given as canonical JSON strings without their quotes, as RFC 8785
/// section 3.2.3 asks: by the UTF-16 code units of what they stand for. Equal only if they are the
/// same name.
[[nodiscard]] std::strong_ordering CompareJsonNames(std::string_view a, std::string_view b);

}  // namespace itemgate
