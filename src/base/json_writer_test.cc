#include "base/json_writer.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace itemgate {
namespace {

using namespace std::string_view_literals;

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(JsonWriter, WritesNestedValuesWithCommasWhereTheyBelong) {
  JsonWriter json;
  json.BeginObject().Field("a", 1).Field("b", "x").Field("c", true);
  json.Name("d").BeginArray().Value(1.5).Null().BeginArray().EndArray().EndArray();
  json.Name("e").BeginObject().EndObject().EndObject();
  EXPECT_EQ(json.Take(), R"({"a":1,"b":"x","c":true,"d":[1.5,null,[]],"e":{}})");
}

TEST(JsonWriter, IsEmptyAgainOnceTheDocumentWasTaken) {
  JsonWriter json;
  EXPECT_EQ(json.Value(1).Take(), "1");
  EXPECT_EQ(json.Value(2).Take(), "2");
}

TEST(JsonWriter, KeepsTheWholeRangeOfIntegers) {
  JsonWriter json;
  json.BeginArray()
      .Value(std::numeric_limits<std::int64_t>::min())
      .Value(std::numeric_limits<std::uint64_t>::max())
      .EndArray();
  EXPECT_EQ(json.Take(), "[-9223372036854775808,18446744073709551615]");
}

TEST(JsonWriter, WritesNumbersThatJsonLacksAsNull) {
  JsonWriter json;
  json.BeginArray()
      .Value(std::numeric_limits<double>::infinity())
      .Value(std::numeric_limits<double>::quiet_NaN())
      .EndArray();
  EXPECT_EQ(json.Take(), "[null,null]");
}

TEST(JsonWriter, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(Quoted("\"\\/\b\f\n\r\t\0\x1f\x7f"sv),
            "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\"");
}

TEST(JsonWriter, LeavesWellFormedUtf8AsItIs) { EXPECT_EQ(Quoted("é€😀"), "\"é€😀\""); }

TEST(JsonWriter, NeverEmitsInvalidUtf8) {
  EXPECT_EQ(Quoted("a\xFF"), "\"a\xEF\xBF\xBD\"");
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second), 'x'};
      EXPECT_TRUE(IsUtf8(Quoted(text))) << first << " " << second;
    }
  }
}

TEST(JsonWriterDeathTest, EndsTheProcessOnWrongNesting) {
  JsonWriter json;
  json.BeginObject();
  EXPECT_DEATH(json.Value(1), "internal error");
  EXPECT_DEATH(json.EndArray(), "internal error");
  EXPECT_DEATH((void)json.Take(), "internal error");
}

TEST(Utf8, AcceptsTheEdgesOfEachLength) {
  for (const auto text :
       {"\x00"sv, "\x7F"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv,
        "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv}) {
    EXPECT_EQ(Utf8SequenceLength(text), text.size());
    EXPECT_TRUE(IsUtf8(text));
  }
}

TEST(Utf8, RefusesOverlongSurrogateTruncatedAndTooLarge) {
  for (const auto text : {"\x80"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xED\xA0\x80"sv,
                          "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv,
                          "\xE2\x82"sv, "\xC2"sv, "\xE2\x82\x28"sv}) {
    EXPECT_EQ(Utf8SequenceLength(text), 0u);
    EXPECT_FALSE(IsUtf8(text));
  }
}

TEST(Utf8, FindsABadByteBehindManyGoodOnes) {
  EXPECT_TRUE(IsUtf8("0123456789abcdef é 0123456789"));
  EXPECT_FALSE(IsUtf8("0123456789abcdef \xFF 0123456789"));
}

}  // namespace
}  // namespace itemgate
