#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace CLI {
class App;
}

namespace itemgate::cli {

/// Builds the tree of all commands and options into `root`, which must not outlive `context`.
void BuildCommandLine(CLI::App& root, Context& context);

/// The program: parses `arguments` (the program's name first), runs the chosen command and gives the exit code.
[[nodiscard]] int RunProgram(const Clock& clock, std::vector<std::string> arguments,
                             const OutputDescriptors& descriptors = {});

}  // namespace itemgate::cli
