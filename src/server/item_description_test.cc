#include "server/item_description.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace itemgate::server {
namespace {

/// The content, or the code of the refusal in angle brackets.
std::string Read(std::string_view json) {
  const auto item = ItemDescriptionReader(Scope()).Read(json);
  if (!item) return "<" + std::string(KindOf(item.error().code).name) + ">";
  return item->content;
}

TEST(ItemDescription, ReadsContentsExactly) {
  EXPECT_EQ(Read(R"({"content":"hello"})"), "hello");
  EXPECT_EQ(Read(" {\t\"content\" :\r\n\"hello\" } "), "hello");
  EXPECT_EQ(Read(R"({"content":"\"\\\/\b\f\n\r\tA\u00e9\u20AC\ud83d\ude00x"})"),
            "\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80x");
  EXPECT_EQ(Read("{\"content\":\"\xC3\xA9\xF0\x9F\x98\x80\"}"), "\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_EQ(Read(R"({"content":"\u0000"})"), std::string("\0", 1));
  EXPECT_EQ(Read(R"({"content":"\uffff"})"), "\xEF\xBF\xBF");  // any bytes are a content
  EXPECT_EQ(Read(R"({"contentBase64":"+/8A"})"), std::string("\xFB\xFF\0", 3));
  EXPECT_EQ(Read(R"({"c\u006fntent":"hello"})"), "hello");
}

TEST(ItemDescription, ReadsScopeAndMediaTypeInAnyOrder) {
  ItemDescriptionReader reader(Scope::Named("given").value());
  const auto all = reader.Read(R"({"scope":"a","content":"x","mediaType":"text/plain"})");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->scope.name(), "a");
  EXPECT_EQ(all->media_type, "text/plain");
  EXPECT_EQ(reader.Read(R"({"content":"x"})")->scope.name(), "given");
  EXPECT_EQ(reader.Read(R"({"content":"x","scope":"b"})")->scope.name(), "b");
}

TEST(ItemDescription, NamesWhatIsWrongWithTheJson) {
  for (const std::string_view text :
       {"{\"content\":\"\xC0\xAF\"}", "{\"content\":\"\xED\xA0\x80\"}", "{\"\xFF\":1}",
        "{\"content\":\"\xF4\x90\x80\x80\"}", R"({"content":"\ud800"})", R"({"content":"\udc00x"})",
        R"({"content":"\ud800\ud800"})", "\xFF"})
    EXPECT_EQ(Read(text), "<invalid_utf8>") << text;
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "{]",
                                      "[}",
                                      "{\"content\"}",
                                      "{\"content\":}",
                                      "{\"content\":\"x\"",
                                      "{\"content\":\"x\",}",
                                      "{,}",
                                      "{\"content\":\"x\"}x",
                                      "{\"content\":\"x\"} {}",
                                      "{\"content\":\"a\",\"content\":\"b\"}",
                                      "\xEF\xBB\xBF{\"content\":\"x\"}",
                                      "{\"content\":NaN}",
                                      "{\"content\":-Infinity}",
                                      "{\"content\":1e400}",
                                      "{\"content\":01}",
                                      "{\"content\":tru}",
                                      "{\"content\":\"a\nb\"}",
                                      R"({"content":"\x41"})",
                                      R"({"content":"\u00g0"})",
                                      "{'content':'x'}",
                                      "{\"content\":[1,]}",
                                      "{\"content\":[1 2]}",
                                      "{\"id\":1,\"content\":",
                                      "{\"content\":\"x",
                                      "nul",
                                      "[1]]"})
    EXPECT_EQ(Read(text), "<invalid_json>") << text;
}

TEST(ItemDescription, NamesWhatIsWrongWithTheItem) {
  for (const std::string_view text :
       {"{}", "[]", "1", "\"x\"", "null", R"({"content":5})", R"({"content":null})",
        R"({"content":["x",{"y":[]}]})", R"({"content":{"a":1}})", R"({"content":true})",
        R"({"content":""})", R"({"contentBase64":""})", R"({"contentBase64":"Zg"})",
        R"({"contentBase64":"Zh=="})", R"({"contentBase64":7})",
        R"({"content":"a","contentBase64":"YQ=="})", R"({"scope":"a"})"})
    EXPECT_EQ(Read(text), "<invalid_content>") << text;
  for (const std::string_view field : {"id", "tenant", "role", "state", "Content", ""})
    EXPECT_EQ(Read("{\"content\":\"x\",\"" + std::string(field) + "\":{\"a\":[1]}}"),
              "<unknown_field>");
  for (const std::string_view text :
       {R"({"content":"x","scope":"a b"})", R"({"content":"x","scope":1})",
        R"({"content":"x","mediaType":[]})", R"({"content":"x","mediaType":"a\r\nb"})"})
    EXPECT_EQ(Read(text), "<invalid_argument>") << text;
}

TEST(ItemDescription, RefusesDeepNestingWithoutReadingOn) {
  EXPECT_EQ(Read(std::string(1'000'000, '[')), "<json_too_deep>");
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  EXPECT_EQ(Read(objects), "<json_too_deep>");
  const auto nested = [](std::size_t depth) {
    return "{\"content\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(Read(nested(31)), "<invalid_content>");
  EXPECT_EQ(Read(nested(32)), "<json_too_deep>");
}

TEST(ItemDescription, SaysWhereAndNeverWhat) {
  const auto refused = ItemDescriptionReader(Scope()).Read(R"({"content":"secret)");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("at byte 18"), std::string::npos) << refused.error().detail;
  EXPECT_EQ(refused.error().detail.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace itemgate::server
