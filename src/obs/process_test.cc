#include "obs/process.h"

#include <fstream>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

TEST(ProcessStatistics, TellMemoryAndTime) {
  const ProcessStatistics now = ProcessStatisticsNow();
  EXPECT_GT(now.resident_bytes, 1U << 20);
  EXPECT_LT(now.resident_bytes, std::uint64_t{1} << 40);
  EXPECT_GE(now.cpu_seconds, 0);
}

TEST(ProcessStatistics, CountsOpenFiles) {
  const std::uint64_t before = ProcessStatisticsNow().open_files;
  const std::ifstream file("/dev/null");
  EXPECT_EQ(ProcessStatisticsNow().open_files, before + 1);
}

}  // namespace
}  // namespace itemgate
