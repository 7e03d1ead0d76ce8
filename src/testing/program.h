#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace itemgate {

/// For tests: starts a program, found by PATH; its output goes to that descriptor. It is killed when this thread dies.
[[nodiscard]] pid_t StartProgram(const std::vector<std::string>& command, int output);

struct EndedProgram {
  int status = -1;     // its exit code; -1: a signal ended it
  std::string output;  // without the last line's end
};

/// Runs a program and waits for its end.
[[nodiscard]] EndedProgram RunProgram(const std::vector<std::string>& command);

}  // namespace itemgate
