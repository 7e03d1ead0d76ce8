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

/// What an argument names, or part of it, that cannot be read.
struct UnreadableInput {
  std::string path;
  Error error;  // kNotFound if it is not there, else kIo
};

struct Inputs {
  std::vector<InputFile> files;
  std::vector<UnreadableInput> unreadable;
};

/// The files that the arguments name, in order: a file or pipe itself; all files below a folder, sorted, without hidden
/// ones and without following links to folders; for a pattern (`*`, `?`, `[a-z]`, `**` for folders of any depth) that
/// is not a file itself what it matches, sorted; `-` for standard input. Nothing below `skipped_directory` is found in
/// folders. An argument that names nothing, or a folder that cannot be read, leaves out no other file.
[[nodiscard]] Inputs ExpandInputs(std::span<const std::string> arguments,
                                  const std::string& skipped_directory);

}  // namespace itemgate
