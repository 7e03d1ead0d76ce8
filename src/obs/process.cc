#include "obs/process.h"

#include <sys/resource.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace itemgate {
namespace {

std::uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    std::uint64_t kibibytes = 0;
    if (word == "VmRSS:") return file >> kibibytes ? kibibytes << 10 : 0;
  }
  return 0;
}

std::uint64_t OpenFiles() {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return 0;
  const auto count = static_cast<std::uint64_t>(std::distance(begin(entries), end(entries)));
  return count - 1;  // without the one that reads the directory
}

std::uint64_t OpenFilesMax() {
  rlimit files{};
  return getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 0;
}

}  // namespace

ProcessStatistics ProcessStatisticsNow() {
  return {.resident_bytes = ResidentBytes(),
          .open_files = OpenFiles(),
          .open_files_max = OpenFilesMax(),
          .cpu_seconds = static_cast<double>(std::clock()) / CLOCKS_PER_SEC};
}

}  // namespace itemgate
