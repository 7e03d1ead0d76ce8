#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "itemgate/error.h"

namespace itemgate {

/// One thing to read.
struct InputFile {
  std::string path;                    // "-": standard input
  std::optional<std::uint64_t> bytes;  // if it is a file whose size is known

  friend bool operator==(const InputFile&, const InputFile&) = default;
};

/// The files that the arguments name, in order: a file or pipe itself; all files below a folder, sorted, without hidden
/// ones and without following links to folders; for a pattern (`*`, `?`, `[a-z]`, `**` for folders of any depth) that
/// is not a file itself what it matches, sorted; `-` for standard input. Nothing below `skipped_directory` is found in
/// folders. Fails with kNotFound if an argument names nothing, with kIo if a folder cannot be read.
[[nodiscard]] Result<std::vector<InputFile>> ExpandInputs(std::span<const std::string> arguments,
                                                          const std::string& skipped_directory);

}  // namespace itemgate
