#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace itemgate::cli {

/// Contents as a command was given them: `-` among the texts stands for standard input.
struct ContentArguments {
  std::vector<std::string> texts;
  std::vector<std::string> files;
};

/// The contents themselves, texts first: each of the exact bytes. Without any argument standard input, unless somebody
/// would have to type it. Nothing beyond the limit of an item, and one byte more, is read.
[[nodiscard]] Result<std::vector<std::string>> ReadContents(const Context& context,
                                                            const ContentArguments& arguments);

}  // namespace itemgate::cli
