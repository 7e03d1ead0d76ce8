#include "load/contents.h"

#include <array>
#include <set>

#include <gtest/gtest.h>

#include "base/json_writer.h"

namespace itemgate::load {
namespace {

std::string TextOf(const Contents& contents, std::uint32_t number) {
  std::string text;
  contents.Append(number, text);
  return text;
}

TEST(Contents, ThoseOfRunZeroAreTheWorkloadsOwn) {
  const Contents contents({.workload = Workload::kW1, .stream_items = 100});
  const auto stream = MakeStream(Workload::kW1, 100);
  for (std::size_t i = 0; i < 100; ++i) {
    std::array<char, kContentBytes> expected;
    FillContent(stream[i], expected);
    EXPECT_EQ(contents.NumberAt(i), stream[i]);
    EXPECT_EQ(TextOf(contents, stream[i]), std::string(expected.data(), expected.size()));
  }
  EXPECT_EQ(contents.NumberAt(100), std::nullopt);
}

TEST(Contents, AreDifferentInEveryRunAndOfAnyLength) {
  for (const std::size_t bytes : {kLoadContentBytesMin, std::size_t{100}, std::size_t{1000}}) {
    std::set<std::string> texts;
    for (const std::uint32_t run : {0u, 1u, 0xFFFFFFFFu}) {
      const Contents contents({.distinct = 50, .run = run, .bytes = bytes});
      for (std::uint32_t number = 0; number < 50; ++number) texts.insert(TextOf(contents, number));
    }
    EXPECT_EQ(texts.size(), 150u);
    for (const std::string& text : texts) EXPECT_EQ(text.size(), bytes);
  }
}

TEST(Contents, ADistinctNumberOfThemComesOverAndOver) {
  const Contents contents({.distinct = 3});
  EXPECT_EQ(contents.NumberAt(2), 2u);
  EXPECT_EQ(contents.NumberAt(3), 0u);
  EXPECT_EQ(contents.NumberAt(3'000'000'001), 1u);
}

TEST(Contents, AsJsonTheyAreWhatAnyWriterMakesOfThem) {
  for (const std::size_t bytes : {kLoadContentBytesMin, kContentBytes, std::size_t{1000}}) {
    for (const std::uint32_t run : {0u, 7u}) {
      const Contents contents({.distinct = 100, .run = run, .bytes = bytes});
      for (std::uint32_t number = 0; number < 100; ++number) {
        const std::string text = TextOf(contents, number);
        std::string expected;
        AppendJsonString(expected, text);
        std::string json;
        contents.AppendJson(text, json);
        EXPECT_EQ(json, expected);
      }
    }
  }
}

TEST(Contents, CountsWhatSeveralSendersSent) {
  const Contents pairs({.workload = Workload::kW1, .stream_items = 4096});
  EXPECT_EQ(pairs.CountDistinct(std::array<std::size_t, 2>{2048, 2048}), 2048u);
  EXPECT_EQ(pairs.CountDistinct(std::array<std::size_t, 2>{1, 0}), 1u);
  const Contents few({.distinct = 10});
  EXPECT_EQ(few.CountDistinct(std::array<std::size_t, 3>{1'000'000, 2, 0}), 10u);
  EXPECT_EQ(few.CountDistinct(std::array<std::size_t, 3>{2, 1, 1}), 4u);  // 0 and 3, 1, 2
}

}  // namespace
}  // namespace itemgate::load
