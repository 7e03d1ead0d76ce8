// Every text that has no canonical form is refused for its own reason.

#include <string>

#include <gtest/gtest.h>

#include "key/canonical_json.h"

namespace itemgate {
namespace {

using std::string_literals::operator""s;

struct Refusal {
  std::string text;
  std::string place_and_problem;
};

void ExpectRefused(const Refusal& refusal) {
  const auto canonical = CanonicalJson(refusal.text);
  ASSERT_FALSE(canonical) << refusal.text << " became " << *canonical;
  EXPECT_EQ(canonical.error().code, ErrorCode::kNotCanonical);
  const std::string expected = "not acceptable JSON at byte " + refusal.place_and_problem;
  EXPECT_TRUE(canonical.error().message.starts_with(expected))
      << refusal.text.substr(0, 80) << "\n  said:     " << canonical.error().message
      << "\n  expected: " << expected;
}

TEST(CanonicalJsonError, SaysThatThereIsNothing) {
  ExpectRefused({"", "0: the content is empty; send one JSON value"});
  ExpectRefused({" \n\t", "0: the content is empty"});
}

TEST(CanonicalJsonError, SaysThatItIsNotJson) {
  ExpectRefused({"hello", "0: the content is not JSON; send one JSON value, or use a scope whose"});
  ExpectRefused({"  <a/>", "2: the content is not JSON"});
  ExpectRefused({"nil", "0: the content is not JSON"});
  ExpectRefused({"\xFF\xFE[\0"s, "0: the content is not JSON"});
  ExpectRefused({"\0"s, "0: the content is not JSON"});
  ExpectRefused({"'a'", "0: the content is not JSON"});
  ExpectRefused({"\xEF\xBB\xBF{}", "0: a byte order mark; remove"});
}

TEST(CanonicalJsonError, SaysWhereSomethingElseShouldBe) {
  ExpectRefused({"[1,]", "3: no JSON value where one should be"});
  ExpectRefused({"[,1]", "1: no JSON value"});
  ExpectRefused({"[tru]", "1: no JSON value"});
  ExpectRefused({"[1 2]", "3: neither a comma nor ]"});
  ExpectRefused({"[1}", "2: neither a comma nor ]"});
  ExpectRefused({R"({"a":1])", "6: neither a comma nor }"});
  ExpectRefused({R"({"a":1 "b":2})", "7: neither a comma nor }"});
  ExpectRefused({R"({a:1})", "1: no member name"});
  ExpectRefused({R"({1:1})", "1: no member name"});
  ExpectRefused({R"({"a":1,})", "7: no member name"});
  ExpectRefused({R"({"a" 1})", "5: no colon"});
  ExpectRefused({R"({"a":})", "5: no JSON value"});
  ExpectRefused({"[\0]"s, "1: no JSON value"});
  ExpectRefused({"[1,/* comment */2]", "3: no JSON value"});
}

TEST(CanonicalJsonError, SaysThatTheEndIsMissing) {
  for (const std::string text :
       {"[", "[1", "[1,", "{", R"({"a")", R"({"a":)", R"({"a":1)", R"({"a":1,)"})
    ExpectRefused({text, std::to_string(text.size()) + ": the content ends in the middle"});
  ExpectRefused({R"(["abc)", "1: a string without end"});
  ExpectRefused({R"("abc\")", "0: a string without end"});
}

TEST(CanonicalJsonError, SaysWhatTrails) {
  ExpectRefused({"1 2", "2: trailing bytes after the value"});
  ExpectRefused({"{}\n{}", "3: trailing bytes"});
  ExpectRefused({"[]]", "2: trailing bytes"});
  ExpectRefused({"truely", "4: trailing bytes"});
  ExpectRefused({"{}\0"s, "2: trailing bytes"});
}

TEST(CanonicalJsonError, NamesBothPlacesOfADuplicateName) {
  ExpectRefused(
      {R"({"a":1,"b":2,"a":3})",
       "13: a second member of the same name in one object (the first is at byte 1); rename"});
  ExpectRefused({R"({"a":1,"a":1})", "7: a second member of the same name"});
  ExpectRefused({R"({"":1,"":1})", "6: a second member of the same name"});
  ExpectRefused({R"([{"x":{"b":1,"c":{},"b":2}}])",
                 "20: a second member of the same name in one object (the first is at byte 7)"});
  EXPECT_TRUE(CanonicalJson(R"([{"a":1},{"a":2,"b":{"a":3}}])"));
}

TEST(CanonicalJsonError, ComparesDuplicateNamesByWhatTheyStandFor) {
  ExpectRefused({R"({"a":1,"\u0061":2})", "7: a second member of the same name"});
  ExpectRefused({R"({"\n":1,"\u000A":2})", "8: a second member of the same name"});
  ExpectRefused({R"({"/":1,"\/":2})", "7: a second member of the same name"});
  ExpectRefused(
      {"{\"\\ud83d\\ude00\":1,\"\U0001F600\":2}", "18: a second member of the same name"});
  EXPECT_TRUE(CanonicalJson("{\"\u00C5\":1,\"A\u030A\":2}")) << "not normalised";
}

TEST(CanonicalJsonError, RefusesLoneSurrogates) {
  for (const std::string lone :
       {R"(\ud800)", R"(\uDBFF)", R"(\udc00)", R"(\uDFFF)", R"(\ud800\u0041)", R"(\ud800\ud800)",
        R"(\ud800\n)", R"(\ud800\)", R"(\ud83d\ude0)"}) {
    ExpectRefused({"[\"" + lone + "\"]", "2: a lone surrogate"});
    ExpectRefused({"{\"" + lone + "\":1}", "2: a lone surrogate"});
  }
  ExpectRefused({R"("\ude00\ud83d")", "1: a lone surrogate"});
}

TEST(CanonicalJsonError, RefusesNoncharacters) {
  // RFC 7493 section 2.1.
  ExpectRefused({"\"a\uFFFE\"", "2: a Unicode noncharacter"});
  ExpectRefused({"\"\uFFFF\"", "1: a Unicode noncharacter"});
  ExpectRefused({"\"\uFDD0\"", "1: a Unicode noncharacter"});
  ExpectRefused({"\"\uFDEF\"", "1: a Unicode noncharacter"});
  ExpectRefused({"{\"\U0001FFFE\":1}", "2: a Unicode noncharacter"});
  ExpectRefused({"\"\U0010FFFF\"", "1: a Unicode noncharacter"});
  ExpectRefused({R"("\uFFFE")", "1: a Unicode noncharacter"});
  ExpectRefused({R"("\uDBFF\uDFFF")", "1: a Unicode noncharacter"});
}

TEST(CanonicalJsonError, RefusesInvalidUtf8) {
  for (const std::string bytes : {"\x80", "\xFF", "\xC0\xAF", "\xC3", "\xE2\x82", "\xE0\x9F\xBF",
                                  "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF",
                                  "\xF4\x90\x80\x80", "\xF0\x9F\x98", "\xF8\x88\x80\x80\x80"}) {
    ExpectRefused({"[\"a" + bytes + "\"]", "3: invalid UTF-8; encode"});
    ExpectRefused({"{\"a" + bytes + "\":1}", "3: invalid UTF-8"});
    ExpectRefused({"\"" + bytes, "1: invalid UTF-8"});
  }
}

TEST(CanonicalJsonError, RefusesBareControlCharacters) {
  for (char c = 0; c < 0x20; ++c) {
    ExpectRefused({"\"a"s + c + "\"", "2: a bare control character in a string; escape"});
  }
}

TEST(CanonicalJsonError, RefusesUnknownEscapes) {
  for (const std::string escape : {R"(\x41)", R"(\')", R"(\0)", R"(\N)", R"(\a)"})
    ExpectRefused({"\"" + escape + "\"", "1: an escape that JSON does not have"});
  for (const std::string escape : {R"(\u)", R"(\u12)", R"(\u00g0)", R"(\u+123)", R"(\U0041)"}) {
    const auto canonical = CanonicalJson("\"" + escape + "\"");
    ASSERT_FALSE(canonical);
    EXPECT_TRUE(canonical.error().message.contains("at byte 1: an escape"));
  }
  ExpectRefused({R"("\u12)", "1: an escape \\u without four hexadecimal digits"});
  ExpectRefused({"\"\\", "1: an escape that JSON does not have"});
}

TEST(CanonicalJsonError, RefusesTooDeepNesting) {
  const std::string place =
      std::to_string(kJsonDepthMax) + ": arrays and objects nested deeper than 512 levels";
  ExpectRefused({std::string(kJsonDepthMax + 1, '['), place});
  ExpectRefused({std::string(900'000, '['), place});
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"\":";
  ExpectRefused(
      {objects, std::to_string(4 * kJsonDepthMax) + ": arrays and objects nested deeper"});
}

TEST(CanonicalJsonError, NeverRepeatsTheContent) {
  for (const std::string text :
       {R"({"secret":1,"secret":2})", R"(["secret)", "secret", R"(["secret\q"])"}) {
    const auto canonical = CanonicalJson(text);
    ASSERT_FALSE(canonical);
    EXPECT_FALSE(canonical.error().message.contains("secret"));
  }
}

}  // namespace
}  // namespace itemgate
