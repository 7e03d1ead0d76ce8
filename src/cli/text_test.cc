#include "cli/text.h"

#include <chrono>
#include <string_view>

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/utf8.h"

namespace itemgate::cli {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

TEST(FormatCount, GroupsDigitsByThrees) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
}

TEST(Counted, OneIsSingular) {
  EXPECT_EQ(Counted(0, "item"), "0 items");
  EXPECT_EQ(Counted(1, "item"), "1 item");
  EXPECT_EQ(Counted(1234, "item"), "1,234 items");
}

TEST(FormatBytes, ChoosesAUnit) {
  EXPECT_EQ(FormatBytes(0), "0 bytes");
  EXPECT_EQ(FormatBytes(1), "1 byte");
  EXPECT_EQ(FormatBytes(1023), "1023 bytes");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(16 << 20), "16.0 MiB");
  EXPECT_EQ(FormatBytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(UINT64_MAX), "16.0 EiB");
}

TEST(FormatRate, ChoosesAUnit) {
  EXPECT_EQ(FormatRate(812), "812/s");
  EXPECT_EQ(FormatRate(35'100), "35.1 k/s");
  EXPECT_EQ(FormatRate(999'900), "1.0 M/s");
}

TEST(FormatDuration, CutsOffPartsOfASecond) {
  EXPECT_EQ(FormatDuration(7900ms), "0:07");
  EXPECT_EQ(FormatDuration(725s), "12:05");
  EXPECT_EQ(FormatDuration(3h + 4min + 9s), "3:04:09");
  EXPECT_EQ(FormatDuration(-1s), "0:00");
}

TEST(Preview, ShowsPlainTextAsItIs) {
  EXPECT_EQ(Preview("hello", 5), "hello");
  EXPECT_EQ(Preview("hello", 4), "hel…");
  EXPECT_EQ(Preview("日本", 4), "日本");
  EXPECT_EQ(Preview("日本", 3), "日…");
  EXPECT_EQ(Preview("日本", 2), "…");
  EXPECT_EQ(Preview("x", 0), "");
}

TEST(Preview, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(Preview("a\nb\r\t\x1B[2J\0"sv, 80), "a\\nb\\r\\t\\x1b[2J\\x00");
  EXPECT_EQ(Preview("\xFFz", 80), "\\xffz");
  EXPECT_EQ(Preview("\u009B1m", 80), "\\xc2\\x9b1m");         // C1 control: a CSI of one character
  EXPECT_EQ(Preview("\u202Eabc", 80), "\\xe2\\x80\\xaeabc");  // right-to-left override
}

TEST(Preview, IsSafeWhateverTheBytesAre) {
  Random random(5);
  for (int i = 0; i < 2000; ++i) {
    std::string content;
    for (int j = 0; j < 30; ++j) content += static_cast<char>(random.Below(256));
    const std::string preview = Preview(content, 20);
    EXPECT_TRUE(IsUtf8(preview));
    for (const char c : preview) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  }
}

TEST(ShellQuote, LeavesPlainWordsAndQuotesTheRest) {
  EXPECT_EQ(ShellQuote("a/b-c_d.e"), "a/b-c_d.e");
  EXPECT_EQ(ShellQuote(""), "''");
  EXPECT_EQ(ShellQuote("*.gz"), "'*.gz'");
  EXPECT_EQ(ShellQuote("it's"), "'it'\\''s'");
}

}  // namespace
}  // namespace itemgate::cli
