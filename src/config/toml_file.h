#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace itemgate::config {

/// One value of a file, by its dotted name.
struct FileEntry {
  std::string key;                 // "limits.body_bytes"
  std::vector<std::string> texts;  // the elements of a list, else one; numbers as they are written
  int line = 0;
};

struct SyntaxError {
  std::string message;
  int line = 0;
};

/// The values of a TOML document (toml.io, 1.0), in the order of their lines. Dates, and lists of anything but texts
/// and numbers, are syntax errors here: no setting is one.
[[nodiscard]] std::expected<std::vector<FileEntry>, SyntaxError> ReadToml(std::string_view text);

}  // namespace itemgate::config
