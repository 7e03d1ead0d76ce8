#include "base/suggestion.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

TEST(NearestName, FindsWhatWasMeant) {
  const std::vector<std::string> known{"save", "import", "find", "version", "completion"};
  EXPECT_EQ(NearestName("imprt", known), "import");
  EXPECT_EQ(NearestName("svae", known), "save");
  EXPECT_EQ(NearestName("comp", known), "completion");
  EXPECT_EQ(NearestName("frobnicate", known), std::nullopt);
  EXPECT_EQ(NearestName("", known), std::nullopt);
}

}  // namespace
}  // namespace itemgate
