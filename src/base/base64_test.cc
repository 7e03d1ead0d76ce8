#include "base/base64.h"

#include <gtest/gtest.h>

namespace itemgate {
namespace {

using namespace std::string_view_literals;

TEST(Base64, EncodesAndDecodesTheVectorsOfTheStandard) {
  for (const auto& [bytes, text] :
       {std::pair(""sv, ""sv), std::pair("f"sv, "Zg=="sv), std::pair("fo"sv, "Zm8="sv),
        std::pair("foo"sv, "Zm9v"sv), std::pair("foobar"sv, "Zm9vYmFy"sv),
        std::pair("\xFB\xFF\0"sv, "+/8A"sv)}) {
    EXPECT_EQ(Base64(bytes), text);
    EXPECT_EQ(DecodeBase64(text), bytes);
  }
}

TEST(Base64, DecodesNothingThatItWouldNotHaveWritten) {
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9", "-_8A", "Zm9v\n"}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace itemgate
