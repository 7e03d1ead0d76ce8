#include "redis/reply_reader.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate::redis {
namespace {

constexpr std::string_view kNested =
    "*4\r\n:1\r\n*2\r\n$3\r\na\r\n\r\n*0\r\n$-1\r\n*1\r\n*1\r\n+x\r\n";

/// As text: what a reply is made of.
std::string Shown(const Reply& reply) {
  switch (reply.type()) {
    case Reply::Type::kNil:
      return "nil";
    case Reply::Type::kStatus:
      return "+" + std::string(reply.text());
    case Reply::Type::kError:
      return "-" + std::string(reply.text());
    case Reply::Type::kInteger:
      return std::to_string(reply.integer());
    case Reply::Type::kString:
      return "'" + std::string(reply.text()) + "'";
    case Reply::Type::kArray:
      break;
  }
  std::string text = "[";
  for (const Reply& element : reply.elements()) text += Shown(element) + " ";
  return text + "]";
}

std::string Shown(const Replies& replies) {
  std::string text;
  for (const Reply& reply : replies) text += Shown(reply) + ";";
  return text;
}

void Put(ReplyReader& reader, std::string_view bytes) {
  std::ranges::copy(bytes, reader.Space(bytes.size()).begin());
  reader.Add(bytes.size());
}

/// What `count` replies are, read together; or the error, or "more".
std::string ReadAll(std::string_view bytes, std::size_t count = 1,
                    ReplyReader::Limits limits = {}) {
  ReplyReader reader(limits);
  Put(reader, bytes);
  const auto replies = reader.Next(count);
  if (!replies) return std::string(ErrorCodeName(replies.error().code));
  return *replies ? Shown(**replies) : "more";
}

TEST(ReplyReader, ReadsEachType) {
  EXPECT_EQ(ReadAll("+OK\r\n"), "+OK;");
  EXPECT_EQ(ReadAll("-ERR no\r\n"), "-ERR no;");
  EXPECT_EQ(ReadAll(":-42\r\n"), "-42;");
  EXPECT_EQ(ReadAll("$0\r\n\r\n"), "'';");
  EXPECT_EQ(ReadAll("$5\r\na\r\nbc\r\n"), "'a\r\nbc';");
  EXPECT_EQ(ReadAll("$-1\r\n"), "nil;");
  EXPECT_EQ(ReadAll("*-1\r\n"), "nil;");
  EXPECT_EQ(ReadAll("*0\r\n"), "[];");
  EXPECT_EQ(ReadAll(kNested), "[1 ['a\r\n' [] ] nil [[+x ] ] ];");
}

TEST(ReplyReader, ReadsTheSameHoweverTheBytesAreSplit) {
  const std::string bytes = std::string(kNested) + "+OK\r\n:7\r\n$4\r\nlast\r\n";
  const std::string whole = ReadAll(bytes, 4);
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t second = first; second <= bytes.size(); ++second) {
      ReplyReader reader({});
      Put(reader, std::string_view(bytes).substr(0, first));
      auto replies = reader.Next(4);
      ASSERT_TRUE(replies);
      Put(reader, std::string_view(bytes).substr(first, second - first));
      if (!*replies) replies = reader.Next(4);
      ASSERT_TRUE(replies);
      Put(reader, std::string_view(bytes).substr(second));
      if (!*replies) replies = reader.Next(4);
      if (first == bytes.size() || second == bytes.size()) continue;  // told before the last Put
      ASSERT_TRUE(replies && *replies) << first << " " << second;
      EXPECT_EQ(Shown(**replies), whole);
      EXPECT_FALSE(reader.has_bytes());
    }
  }
}

TEST(ReplyReader, ReadsByteByByteAndGoesOnWithWhatFollows) {
  ReplyReader reader({});
  std::vector<std::string> told;
  for (const char byte : std::string(kNested) + "+OK\r\n" + std::string(kNested)) {
    Put(reader, std::string_view(&byte, 1));
    const auto replies = reader.Next(1);
    ASSERT_TRUE(replies);
    if (*replies) told.push_back(Shown(**replies));
  }
  EXPECT_EQ(told, (std::vector<std::string>{ReadAll(kNested), "+OK;", ReadAll(kNested)}));
}

TEST(ReplyReader, KeepsViewsWholeWhenItsMemoryMoves) {
  ReplyReader reader({});
  const std::string large(300'000, 'x');
  Put(reader, "+first\r\n$300000\r\n");
  ASSERT_FALSE(*reader.Next(2));
  for (std::size_t at = 0; at < large.size(); at += 10'000) Put(reader, large.substr(at, 10'000));
  Put(reader, "\r\n");
  const auto replies = reader.Next(2);
  ASSERT_TRUE(replies && *replies);
  EXPECT_EQ((**replies)[0].text(), "first");
  EXPECT_EQ((**replies)[1].text(), large);
}

TEST(ReplyReader, RefusesWhatIsNotResp2) {
  for (const std::string_view bytes :
       {"%1\r\n", "OK\r\n", "\r\n", "+OK\n", "+O\rK\r\n", ":\r\n", ":1x\r\n", ":1 \r\n", "$-2\r\n",
        "$1\r\nabc", "$x\r\n", "*-2\r\n", ":99999999999999999999\r\n", "HTTP/1.1 400 Bad\r\n",
        "\x15\x03\x03"}) {
    EXPECT_EQ(ReadAll(bytes), "corrupt") << bytes;
  }
}

TEST(ReplyReader, HoldsItsLimits) {
  const ReplyReader::Limits limits{.bulk_bytes_max = 4,
                                   .line_bytes_max = 10,
                                   .elements_max = 4,
                                   .nesting_max = 2,
                                   .replies_bytes_max = 30};
  EXPECT_EQ(ReadAll("$4\r\nabcd\r\n", 1, limits), "'abcd';");
  EXPECT_EQ(ReadAll("$5\r\n", 1, limits), "too_large");
  EXPECT_EQ(ReadAll("+1234567\r\n", 1, limits), "+1234567;");
  EXPECT_EQ(ReadAll("+12345678\r\n", 1, limits), "too_large");
  EXPECT_EQ(ReadAll("+1234567890", 1, limits), "too_large");
  EXPECT_EQ(ReadAll("*4\r\n", 1, limits), "more");
  EXPECT_EQ(ReadAll("*5\r\n", 1, limits), "too_large");
  EXPECT_EQ(ReadAll("*2\r\n:1\r\n*3\r\n", 1, limits), "too_large");
  EXPECT_EQ(ReadAll("*1\r\n*1\r\n:1\r\n", 1, limits), "[[1 ] ];");
  EXPECT_EQ(ReadAll("*1\r\n*1\r\n*1\r\n", 1, limits), "too_large");
  EXPECT_EQ(ReadAll(":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n", 5, limits), "too_large");
  EXPECT_EQ(ReadAll("$4\r\nabcd\r\n$4\r\nabcd\r\n$4\r\nabcd\r\n$4", 4, limits), "too_large");
}

TEST(ReplyReader, ForgetsTheOldConnection) {
  ReplyReader reader({});
  Put(reader, "*2\r\n:1\r\n$5\r\nab");
  ASSERT_FALSE(*reader.Next(1));
  reader.Restart();
  EXPECT_FALSE(reader.has_bytes());
  Put(reader, "+OK\r\n");
  const auto replies = reader.Next(1);
  ASSERT_TRUE(replies && *replies);
  EXPECT_EQ(Shown(**replies), "+OK;");
}

}  // namespace
}  // namespace itemgate::redis
