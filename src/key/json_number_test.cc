#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "base/random.h"
#include "key/canonical_json.h"

namespace itemgate {
namespace {

std::string CanonicalOf(std::string_view number) {
  const auto canonical = CanonicalJson(number);
  if (!canonical) return "refused: " + canonical.error().message;
  EXPECT_EQ(CanonicalJson(*canonical), *canonical) << "the canonical form of a canonical form";
  return *canonical;
}

std::string RefusalOf(std::string_view number) {
  const auto canonical = CanonicalJson(number);
  return canonical ? "accepted as " + *canonical : canonical.error().message;
}

// Exact, but never as the shortest form has it: 17 digits and an exponent.
std::string LongForm(double value) {
  std::array<char, 64> buffer;
  const auto [end, status] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                           std::chars_format::scientific, 16);
  EXPECT_EQ(status, std::errc());
  return {buffer.data(), end};
}

TEST(JsonNumber, GivesTheSamplesOfTheRfc) {
  // RFC 8785 appendix B, but for NaN and Infinity, which no JSON text can hold.
  struct Sample {
    std::uint64_t bits;
    const char* text;
  };
  static constexpr Sample kSamples[] = {
      {0x0000000000000000, "0"},
      {0x8000000000000000, "0"},
      {0x0000000000000001, "5e-324"},
      {0x8000000000000001, "-5e-324"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0xffefffffffffffff, "-1.7976931348623157e+308"},
      {0x4340000000000000, "9007199254740992"},
      {0xc340000000000000, "-9007199254740992"},
      {0x4430000000000000, "295147905179352830000"},
      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
      {0x444b1ae4d6e2ef4e, "999999999999999700000"},
      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
      {0x444b1ae4d6e2ef50, "1e+21"},
      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
      {0x3eb0c6f7a0b5ed8d, "0.000001"},
      {0x41b3de4355555553, "333333333.3333332"},
      {0x41b3de4355555554, "333333333.33333325"},
      {0x41b3de4355555555, "333333333.3333333"},
      {0x41b3de4355555556, "333333333.3333334"},
      {0x41b3de4355555557, "333333333.33333343"},
      {0xbecbf647612f3696, "-0.0000033333333333333333"},
      {0x43143ff3c1cb0959, "1424953923781206.2"},
  };
  for (const Sample& sample : kSamples) {
    EXPECT_EQ(CanonicalOf(LongForm(std::bit_cast<double>(sample.bits))), sample.text);
    EXPECT_EQ(CanonicalOf(sample.text), sample.text);
  }
}

TEST(JsonNumber, SpellsEqualNumbersAlike) {
  EXPECT_EQ(CanonicalOf("1.0"), "1");
  EXPECT_EQ(CanonicalOf("1e0"), "1");
  EXPECT_EQ(CanonicalOf("0.1E+1"), "1");
  EXPECT_EQ(CanonicalOf("10e-1"), "1");
  EXPECT_EQ(CanonicalOf("100000000000000000000"), "100000000000000000000");
  EXPECT_EQ(CanonicalOf("1e20"), "100000000000000000000");
  EXPECT_EQ(CanonicalOf("1000000000000000000000"), "1e+21");
  EXPECT_EQ(CanonicalOf("0.1"), "0.1");
  EXPECT_EQ(CanonicalOf("0.1000000000000000055511151231257827"), "0.1");
  EXPECT_EQ(CanonicalOf("333333333.33333329"), "333333333.3333333");
  EXPECT_EQ(CanonicalOf("1e23"), "1e+23");
}

TEST(JsonNumber, KnowsOneZero) {
  for (const char* zero :
       {"0", "-0", "0.0", "-0.0", "0e5", "-0E-5", "0e999999999999999999", "0.000e-999999999999"})
    EXPECT_EQ(CanonicalOf(zero), "0") << zero;
}

TEST(JsonNumber, KeepsIntegersThatAreDoubles) {
  for (const char* integer : {"7", "-7", "999999999999999", "-999999999999999", "1000000000000000",
                              "9007199254740991", "9007199254740992", "-9007199254740992",
                              "9007199254740994", "1152921504606847000", "295147905179352830000"})
    EXPECT_EQ(CanonicalOf(integer), integer);
}

TEST(JsonNumber, RefusesIntegersThatADoubleWouldChange) {
  // Else two different integers would get one key. 2^60 and 2^68 are doubles, but their canonical
  // forms name 1152921504606847000 and 295147905179352830000.
  for (const char* integer :
       {"9007199254740993", "-9007199254740993", "10000000000000001", "18446744073709551615",
        "18446744073709551616", "1152921504606846976", "295147905179352825856",
        "123456789012345678901234567890", "100000000000000000000000000000000000001"}) {
    EXPECT_EQ(RefusalOf(integer),
              "not acceptable JSON at byte 0: an integer that an IEEE double would change into "
              "another; send it as a string");
  }
  EXPECT_TRUE(RefusalOf("[1,9007199254740993]").contains("at byte 3: an integer"));
}

TEST(JsonNumber, NeverGivesTwoIntegersOneForm) {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string integer = std::to_string(random.Next() >> random.Below(12));
    const auto canonical = CanonicalJson(integer);
    EXPECT_TRUE(canonical || integer.size() > 15) << integer;
    EXPECT_EQ(canonical.value_or(integer), integer);
  }
}

TEST(JsonNumber, SurvivesAsADouble) {
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    const auto value = std::bit_cast<double>(random.Next());
    if (!(value - value == 0)) continue;  // an infinity or no number
    const std::string canonical = CanonicalOf(LongForm(value));
    EXPECT_EQ(std::bit_cast<std::uint64_t>(std::strtod(canonical.c_str(), nullptr)),
              std::bit_cast<std::uint64_t>(value))
        << canonical;
  }
}

TEST(JsonNumber, RefusesWhatNoDoubleReaches) {
  for (const char* number : {"1e400", "-1e400", "1.7976931348623159e308", "1e-400", "-2e-324",
                             "1e99999999999999999999", "1e-99999999999999999999"})
    EXPECT_EQ(RefusalOf(number),
              "not acceptable JSON at byte 0: a number beyond an IEEE double, too large or too "
              "close to zero; send it as a string");
  EXPECT_TRUE(RefusalOf(std::string(400, '9')).contains("beyond an IEEE double"));
}

TEST(JsonNumber, ReadsVeryLongNumbers) {
  EXPECT_EQ(CanonicalOf("0." + std::string(100'000, '3')), "0.3333333333333333");
  EXPECT_EQ(CanonicalOf("1" + std::string(300, '0')), "1e+300");
  EXPECT_EQ(CanonicalOf("0." + std::string(300, '0') + "1"), "1e-301");
}

TEST(JsonNumber, RefusesWhatTheGrammarDoesNotHave) {
  EXPECT_TRUE(RefusalOf("01").contains("at byte 0: a number with a leading zero"));
  EXPECT_TRUE(RefusalOf("-012").contains("at byte 1: a number with a leading zero"));
  EXPECT_TRUE(RefusalOf("00").contains("at byte 0: a number with a leading zero"));
  EXPECT_TRUE(RefusalOf("1.").contains("at byte 2: a decimal point without digits"));
  EXPECT_TRUE(RefusalOf("[1.]").contains("at byte 3: a decimal point without digits"));
  EXPECT_TRUE(RefusalOf("1.e5").contains("at byte 2: a decimal point without digits"));
  EXPECT_TRUE(RefusalOf("1e").contains("at byte 2: an exponent without digits"));
  EXPECT_TRUE(RefusalOf("1e+").contains("at byte 3: an exponent without digits"));
  EXPECT_TRUE(RefusalOf("-").contains("at byte 1: a minus sign without digits"));
  EXPECT_TRUE(RefusalOf("-Infinity").contains("at byte 1: a minus sign without digits"));
  EXPECT_TRUE(RefusalOf("[NaN]").contains("at byte 1: NaN and Infinity are not JSON; send null"));
  EXPECT_TRUE(RefusalOf("Infinity").contains("at byte 0: NaN and Infinity are not JSON"));
  EXPECT_TRUE(RefusalOf("+1").contains("at byte 0: the content is not JSON"));
  EXPECT_TRUE(RefusalOf("[.5]").contains("at byte 1: no JSON value"));
  EXPECT_TRUE(RefusalOf("0x10").contains("at byte 1: trailing bytes"));
}

}  // namespace
}  // namespace itemgate
