#include "key/canonical_json.h"

#include <string>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

std::string CanonicalOf(std::string_view text) {
  const auto canonical = CanonicalJson(text);
  if (!canonical) return "refused: " + canonical.error().message;
  EXPECT_EQ(CanonicalJson(*canonical), *canonical) << "the canonical form of a canonical form";
  return *canonical;
}

TEST(CanonicalJson, AcceptsEveryKindOfTopLevelValue) {
  EXPECT_EQ(CanonicalOf(" null "), "null");
  EXPECT_EQ(CanonicalOf("true"), "true");
  EXPECT_EQ(CanonicalOf("\tfalse\r\n"), "false");
  EXPECT_EQ(CanonicalOf("12"), "12");
  EXPECT_EQ(CanonicalOf(R"("a")"), R"("a")");
  EXPECT_EQ(CanonicalOf("[ ]"), "[]");
  EXPECT_EQ(CanonicalOf("{ }"), "{}");
}

TEST(CanonicalJson, RemovesSpaceBetweenTokensOnly) {
  EXPECT_EQ(CanonicalOf("\n{ \"a b\" :\t[ 1 , \" x \" ] , \"c\" : { } }\r"),
            R"({"a b":[1," x "],"c":{}})");
}

TEST(CanonicalJson, GivesTheExampleOfTheRfc) {
  // RFC 8785 section 3.2.2, and its result in 3.2.3.
  EXPECT_EQ(CanonicalOf(R"({
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  })"),
            "{\"literals\":[null,true,false],"
            "\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
            "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(CanonicalJson, SortsNamesAsTheRfcDoes) {
  // RFC 8785 section 3.2.3: U+1F600 comes before U+FB33, as its surrogates do; by bytes it would
  // not.
  EXPECT_EQ(CanonicalOf(R"({
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\ud83d\ude00": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis"
  })"),
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\","
            "\"\xC3\xB6\":\"Latin Small Letter O With Diaeresis\","
            "\"\xE2\x82\xAC\":\"Euro Sign\","
            "\"\xF0\x9F\x98\x80\":\"Emoji: Grinning Face\","
            "\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

TEST(CanonicalJson, SortsNamesByWhatTheyStandFor) {
  EXPECT_EQ(CanonicalOf(R"({"\\":1,"A":2,"\u005b":3,"\n":4,"\u0001":5,"":6,"\"":7,"!":8})"),
            R"({"":6,"\u0001":5,"\n":4,"!":8,"\"":7,"A":2,"[":3,"\\":1})");
  EXPECT_EQ(CanonicalOf(R"({"ab":1,"a":2,"a\u0000":3,"aa":4})"),
            R"({"a":2,"a\u0000":3,"aa":4,"ab":1})");
}

TEST(CanonicalJson, SortsNamesAroundTheSurrogates) {
  // In UTF-16: D7FF, then the surrogates of everything beyond U+FFFF, then E000.
  EXPECT_EQ(
      CanonicalOf("{\"\uE000\":1,\"\U0010FFFD\":2,\"\uD7FF\":3,\"\uFFFD\":4,\"\U00010000\":5}"),
      "{\"\uD7FF\":3,\"\U00010000\":5,\"\U0010FFFD\":2,\"\uE000\":1,\"\uFFFD\":4}");
}

TEST(CanonicalJson, SortsObjectsWithinObjects) {
  EXPECT_EQ(
      CanonicalOf(R"([{"b":{"z":[{"y":1,"x":{}},{"k":0}],"c":2},"a":{"e":4,"d":{"g":5,"f":6}}},)"
                  R"({"in":1,"order":{"b":1,"a":2}}])"),
      R"([{"a":{"d":{"f":6,"g":5},"e":4},"b":{"c":2,"z":[{"x":{},"y":1},{"k":0}]}},)"
      R"({"in":1,"order":{"a":2,"b":1}}])");
}

TEST(CanonicalJson, LeavesArraysInOrder) {
  EXPECT_EQ(CanonicalOf(R"([3,"b",1,"a",[2,1]])"), R"([3,"b",1,"a",[2,1]])");
}

TEST(CanonicalJson, WritesTheShortestEscapes) {
  EXPECT_EQ(CanonicalOf(
                R"("\u0008\u0009\u000A\u000b\u000c\u000d\u0000\u001F\u007f\u0022\u005C\u002f\/")"),
            "\"\\b\\t\\n\\u000b\\f\\r\\u0000\\u001f\x7F\\\"\\\\//\"");
}

TEST(CanonicalJson, WritesCharactersAsUtf8) {
  EXPECT_EQ(CanonicalOf(R"("\u0041\u00e9\u20AC\uD834\udd1e")"), "\"A\u00E9\u20AC\U0001D11E\"");
  EXPECT_EQ(CanonicalOf("\"A\u00E9\u20AC\U0001D11E\""), "\"A\u00E9\u20AC\U0001D11E\"");
  EXPECT_EQ(CanonicalOf("\"\uFFFD\uFDCF\uFDF0\U0010FFFD\""), "\"\uFFFD\uFDCF\uFDF0\U0010FFFD\"");
}

TEST(CanonicalJson, FindsSpecialBytesAtEveryPlaceOfALongString) {
  // Strings are read in steps of eight bytes.
  for (std::size_t before = 0; before < 20; ++before) {
    const std::string a(before, 'a');
    EXPECT_EQ(CanonicalOf("\"" + a + "\\u000A\u00E9zzzzzzzz\""), "\"" + a + "\\n\u00E9zzzzzzzz\"");
    EXPECT_FALSE(CanonicalJson("\"" + a + "\x1F" + "zzzzzzzz\""));
    EXPECT_FALSE(CanonicalJson("\"" + a + "\xFF" + "zzzzzzzz\""));
  }
}

TEST(CanonicalJson, DoesNotNormaliseUnicode) {
  EXPECT_EQ(CanonicalOf("\"A\u030A\""), "\"A\u030A\"");
  EXPECT_EQ(CanonicalOf("\"\u00C5\""), "\"\u00C5\"");
}

TEST(CanonicalJson, AcceptsTheGreatestDepth) {
  const std::string arrays = std::string(kJsonDepthMax, '[') + std::string(kJsonDepthMax, ']');
  EXPECT_EQ(CanonicalOf(arrays), arrays);
}

TEST(CanonicalJson, SortsAtTheGreatestDepth) {
  std::string text = "0";
  std::string expected = "0";
  for (std::size_t depth = 0; depth < kJsonDepthMax; ++depth) {
    text = "{\"b\":" + text + ",\"a\":1}";
    expected = "{\"a\":1,\"b\":" + expected + "}";
  }
  EXPECT_EQ(CanonicalOf(text), expected);
}

TEST(CanonicalJson, SortsManyMembers) {
  std::string expected;
  std::string reversed;
  for (int i = 1000; i < 3000; ++i) {
    const std::string name = "\"n" + std::to_string(i) + "\":";
    expected += (i == 1000 ? "" : ",") + name + R"({"a":[],"b":1})";
    reversed = name + R"({"b":1,"a":[]})" + (i == 1000 ? "" : ",") + reversed;
  }
  EXPECT_EQ(CanonicalOf("{" + reversed + "}"), "{" + expected + "}");
}

}  // namespace
}  // namespace itemgate
