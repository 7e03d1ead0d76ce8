#include "cli/text.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/utf8.h"

namespace itemgate::cli {
namespace {

char32_t Decode(std::string_view sequence) {
  constexpr std::array<unsigned, 5> kLeadMask{0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t point = static_cast<unsigned char>(sequence[0]) & kLeadMask[sequence.size()];
  for (const char c : sequence.substr(1))
    point = (point << 6) | (static_cast<unsigned char>(c) & 0x3Fu);
  return point;
}

struct Range {
  char32_t first;
  char32_t last;
};

template <std::size_t N>
bool IsIn(char32_t point, const std::array<Range, N>& ranges) {
  return std::ranges::any_of(ranges,
                             [point](Range r) { return r.first <= point && point <= r.last; });
}

/// Controls, line separators, and what turns, hides or combines text.
bool IsUnsafe(char32_t point) {
  static constexpr std::array<Range, 12> kUnsafe{{{0x00, 0x1F},
                                                  {0x7F, 0x9F},
                                                  {0xAD, 0xAD},
                                                  {0x300, 0x36F},
                                                  {0x61C, 0x61C},
                                                  {0x200B, 0x200F},
                                                  {0x2028, 0x202E},
                                                  {0x2060, 0x206F},
                                                  {0xFE00, 0xFE0F},
                                                  {0xFEFF, 0xFEFF},
                                                  {0xFFF9, 0xFFFB},
                                                  {0xE0000, 0x10FFFF}}};
  return IsIn(point, kUnsafe);
}

/// Takes two columns on a terminal (the large blocks of East Asian Width W and F).
bool IsWide(char32_t point) {
  static constexpr std::array<Range, 8> kWide{{{0x1100, 0x115F},
                                               {0x2E80, 0xA4CF},
                                               {0xAC00, 0xD7A3},
                                               {0xF900, 0xFAFF},
                                               {0xFE30, 0xFE6F},
                                               {0xFF00, 0xFF60},
                                               {0x1F300, 0x1FAFF},
                                               {0x20000, 0x3FFFD}}};
  return IsIn(point, kWide);
}

struct Shown {
  std::string text;
  std::size_t columns;
};

Shown Escape(std::string_view bytes, char32_t point) {
  std::string text;
  if (point == '\n') {
    text = "\\n";
  } else if (point == '\r') {
    text = "\\r";
  } else if (point == '\t') {
    text = "\\t";
  } else {
    for (const char c : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return {text, text.size()};
}

Shown Show(std::string_view bytes, bool well_formed) {
  if (!well_formed) return Escape(bytes, 0);
  const char32_t point = Decode(bytes);
  if (IsUnsafe(point)) return Escape(bytes, point);
  return {std::string(bytes), IsWide(point) ? 2u : 1u};
}

std::string FormatScaled(double value, const char* unit) {
  return fmt::format("{:.{}f} {}", value, value < 100 ? 1 : 0, unit);
}

}  // namespace

std::string FormatCount(std::uint64_t count) {
  const std::string digits = fmt::format("{}", count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string Counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", FormatCount(count), noun, count == 1 ? "" : "s");
}

std::string FormatBytes(std::uint64_t bytes) {
  if (bytes == 1) return "1 byte";
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.5 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return FormatScaled(value, kUnits[unit]);
}

std::string FormatRate(double per_second) {
  if (per_second < 999.5) return fmt::format("{:.0f}/s", per_second);
  if (per_second < 999'500) return FormatScaled(per_second / 1e3, "k/s");
  return FormatScaled(per_second / 1e6, "M/s");
}

std::string FormatDuration(std::chrono::nanoseconds duration) {
  const auto seconds =
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(duration).count());
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string Preview(std::string_view content, std::size_t columns) {
  std::string text;
  std::size_t used = 0;
  std::size_t fitting_bytes = 0;  // of text, such that the mark for "cut off" still fits
  while (!content.empty()) {
    const std::size_t length = Utf8SequenceLength(content);
    const Shown shown = Show(content.substr(0, std::max<std::size_t>(length, 1)), length > 0);
    if (used + shown.columns > columns) {
      text.resize(fitting_bytes);
      return columns == 0 ? text : text + "…";
    }
    text += shown.text;
    used += shown.columns;
    if (used < columns) fitting_bytes = text.size();
    content.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

std::string ShellQuote(std::string_view argument) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(argument);
  std::string quoted = "'";
  for (const char c : argument) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace itemgate::cli
