#include "bench/figures.h"

#include <array>
#include <charconv>
#include <span>

#include "base/check.h"

namespace itemgate {
namespace {

/// Three significant digits in the largest unit that does not make the number fall below one.
std::string Scaled(double value, std::span<const char* const> units) {
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < units.size(); ++unit) value /= 1000;
  const int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return Decimal(value, digits) + units[unit];
}

}  // namespace

std::string Decimal(double value, int digits) {
  std::array<char, 400> text;  // the longest double has 309 digits before its point
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::fixed, digits);
  ITEMGATE_CHECK(end.ec == std::errc());
  return {text.data(), end.ptr};
}

std::string ShortNumber(double value) {
  static constexpr std::array kUnits = {"", " k", " M", " G"};
  if (value < 999.5) return Decimal(value, 0);
  return Scaled(value, kUnits);
}

std::string ShortDuration(Duration duration) {
  static constexpr std::array kUnits = {" ns", " us", " ms", " s"};
  if (duration < std::chrono::microseconds(1))
    return Decimal(static_cast<double>(duration.count()), 0) + " ns";
  return Scaled(static_cast<double>(duration.count()), kUnits);
}

}  // namespace itemgate
