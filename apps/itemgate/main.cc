#include <sys/resource.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/command_line.h"

int main(int argc, char** argv) {
  // A store keeps each of its files open: one for every 256 MiB of items, and as many in the index.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  const itemgate::SystemClock clock;
  return itemgate::cli::RunProgram(clock, std::vector<std::string>(argv, argv + argc));
}
