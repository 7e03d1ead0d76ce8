#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include <double-conversion/double-conversion.h>

#include "base/check.h"
#include "key/json_scan.h"

namespace itemgate {
namespace {

using double_conversion::DoubleToStringConverter;

// DBL_DIG: an integer of that many digits is a double, and is written with the same digits.
constexpr std::size_t kSafeIntegerDigits = 15;

enum class NumberKind { kMalformed, kInteger, kDecimal };

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool SkipDigits(JsonScan& scan) {
  const std::size_t begin = scan.at;
  while (IsDigit(scan.Next())) ++scan.at;
  return scan.at > begin;
}

NumberKind RefuseNumber(JsonScan& scan, std::string_view problem, std::string_view remedy) {
  scan.Refuse(scan.at, problem, remedy);
  return NumberKind::kMalformed;
}

// Moves behind the number that starts here, by the grammar of RFC 8259 section 6.
NumberKind SkipNumber(JsonScan& scan) {
  if (scan.Next() == '-') ++scan.at;
  const bool starts_with_zero = scan.Next() == '0';
  const std::size_t first_digit = scan.at;
  if (!SkipDigits(scan)) {
    return RefuseNumber(scan, "a minus sign without digits", "write a number, null or a string");
  }
  if (starts_with_zero && scan.at - first_digit > 1) {
    scan.at = first_digit;
    return RefuseNumber(scan, "a number with a leading zero", "remove the zero, or send a string");
  }
  NumberKind kind = NumberKind::kInteger;
  if (scan.Next() == '.') {
    kind = NumberKind::kDecimal;
    ++scan.at;
    if (!SkipDigits(scan)) {
      return RefuseNumber(scan, "a decimal point without digits behind it", "add a digit");
    }
  }
  if (scan.Next() == 'e' || scan.Next() == 'E') {
    kind = NumberKind::kDecimal;
    ++scan.at;
    if (scan.Next() == '+' || scan.Next() == '-') ++scan.at;
    if (!SkipDigits(scan)) return RefuseNumber(scan, "an exponent without digits", "add a digit");
  }
  return kind;
}

// Whether the shortest digits that name this double, those of the canonical form, name the same
// integer. An exact test of the value would not do: 2^60 is a double, but its canonical form is
// 1152921504606847000, another integer.
bool KeepsInteger(double value, std::string_view literal) {
  if (literal.starts_with('-')) literal.remove_prefix(1);
  std::array<char, DoubleToStringConverter::kBase10MaximalLength + 1> buffer;
  bool negative = false;
  int length = 0;
  int integer_digits = 0;
  DoubleToStringConverter::DoubleToAscii(value, DoubleToStringConverter::SHORTEST, 0, buffer.data(),
                                         static_cast<int>(buffer.size()), &negative, &length,
                                         &integer_digits);
  const std::string_view digits(buffer.data(), static_cast<std::size_t>(length));
  return literal.size() == static_cast<std::size_t>(integer_digits) &&
         literal.starts_with(digits) &&
         literal.find_first_not_of('0', digits.size()) == std::string_view::npos;
}

void AppendEcmaScript(double value, std::string& canonical) {
  std::array<char, 32> buffer;  // at most 25 are used: -1.7976931348623157e+308
  double_conversion::StringBuilder builder(buffer.data(), static_cast<int>(buffer.size()));
  ITEMGATE_CHECK(DoubleToStringConverter::EcmaScriptConverter().ToShortest(value, &builder));
  canonical.append(buffer.data(), static_cast<std::size_t>(builder.position()));
}

}  // namespace

bool ScanNumber(JsonScan& scan) {
  const std::size_t begin = scan.at;
  const NumberKind kind = SkipNumber(scan);
  if (kind == NumberKind::kMalformed) return false;
  const std::string_view literal = scan.text.substr(begin, scan.at - begin);
  const bool is_integer = kind == NumberKind::kInteger;
  if (is_integer && literal.size() <= kSafeIntegerDigits && literal != "-0") {
    scan.canonical.append(literal);
    return true;
  }

  double value = 0;
  const auto [end, status] =
      std::from_chars(literal.data(), literal.data() + literal.size(), value);
  if (status == std::errc::result_out_of_range) {
    return scan.Refuse(begin, "a number beyond an IEEE double, too large or too close to zero",
                       "send it as a string");
  }
  ITEMGATE_CHECK(status == std::errc() && end == literal.data() + literal.size());
  if (is_integer && value != 0 && !KeepsInteger(value, literal)) {
    return scan.Refuse(begin, "an integer that an IEEE double would change into another",
                       "send it as a string");
  }
  AppendEcmaScript(value, scan.canonical);
  return true;
}

}  // namespace itemgate
