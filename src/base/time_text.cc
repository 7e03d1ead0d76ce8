#include "base/time_text.h"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace itemgate {

std::string FormatTime(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text = "0000-00-00T00:00:00.000000Z";
  const auto write = [&](std::size_t last, std::int64_t number) {
    for (; number != 0; number /= 10) text[last--] = static_cast<char>('0' + number % 10);
  };
  write(3, static_cast<int>(date.year()));
  write(6, static_cast<unsigned>(date.month()));
  write(9, static_cast<unsigned>(date.day()));
  write(12, clock.hours().count());
  write(15, clock.minutes().count());
  write(18, clock.seconds().count());
  write(25, clock.subseconds().count());
  return text;
}

}  // namespace itemgate
