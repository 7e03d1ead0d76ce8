#pragma once

#include <cstddef>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "itemgate/error.h"

namespace itemgate {

/// A JSON text that is read from left to right while its canonical form is written.
///
/// A `Scan…` function reads the part that starts at `at`, moves `at` behind it and appends its
/// canonical form. It returns false, with `error` set, for a part that is not acceptable; the scan
/// is over then.
struct JsonScan {
  std::string_view text;
  std::size_t at = 0;
  std::string canonical;
  std::optional<Error> error;

  [[nodiscard]] bool AtEnd() const { return at >= text.size(); }

  /// The byte at `at`. NUL, which begins no part of JSON, at the end.
  [[nodiscard]] char Next() const { return AtEnd() ? '\0' : text[at]; }

  /// Sets the error: what is wrong where, and what to do about it. Always false. Never put content
  /// into the words.
  bool Refuse(std::size_t offset, std::string_view problem, std::string_view remedy,
              std::source_location where = std::source_location::current()) {
    error.emplace(ErrorCode::kNotCanonical,
                  std::string("not acceptable JSON at byte ")
                      .append(std::to_string(offset))
                      .append(": ")
                      .append(problem)
                      .append("; ")
                      .append(remedy),
                  where);
    return false;
  }
};

/// REQUIRES: the next byte is a quotation mark.
[[nodiscard]] bool ScanString(JsonScan& scan);

/// REQUIRES: the next byte is a minus sign or a digit.
[[nodiscard]] bool ScanNumber(JsonScan& scan);

}  // namespace itemgate
