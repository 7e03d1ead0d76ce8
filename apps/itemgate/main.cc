#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/command_line.h"

int main(int argc, char** argv) {
  const itemgate::SystemClock clock;
  return itemgate::cli::RunProgram(clock, std::vector<std::string>(argv, argv + argc));
}
