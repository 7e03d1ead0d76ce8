#include "base/time_text.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

using namespace std::chrono_literals;

TEST(FormatTime, IsRfc3339ToTheMicrosecond) {
  EXPECT_EQ(FormatTime(WallTime(1us)), "1970-01-01T00:00:00.000001Z");
  EXPECT_EQ(FormatTime(WallTime(1714564799s + 999999us)), "2024-05-01T11:59:59.999999Z");
  EXPECT_EQ(FormatTime(WallTime(-1us)), "1969-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace itemgate
