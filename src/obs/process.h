#pragma once

#include <cstdint>

namespace itemgate {

/// What the operating system says about this process; 0 where it does not tell.
struct ProcessStatistics {
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_files = 0;      // descriptors of any kind
  std::uint64_t open_files_max = 0;  // so many there may be: RLIMIT_NOFILE, as it is in force
  double cpu_seconds = 0;            // of all its threads
};

/// Reads /proc: for reports, not for hot paths.
[[nodiscard]] ProcessStatistics ProcessStatisticsNow();

}  // namespace itemgate
