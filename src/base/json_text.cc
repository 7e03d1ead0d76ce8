#include "base/json_text.h"

namespace itemgate {
namespace {

std::optional<char32_t> UnitAt(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  char32_t unit = 0;
  for (const char c : text.substr(2, 4)) {
    unit <<= 4;
    if (c >= '0' && c <= '9') {
      unit |= static_cast<char32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      unit |= static_cast<char32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      unit |= static_cast<char32_t>(c - 'A' + 10);
    } else {
      return std::nullopt;
    }
  }
  return unit;
}

}  // namespace

std::optional<JsonUnicodeEscape> JsonUnicodeEscapeAt(std::string_view text) {
  const auto unit = UnitAt(text);
  if (!unit) return std::nullopt;
  if (IsHighSurrogate(*unit)) {
    const auto low = UnitAt(text.substr(6));
    if (low && IsLowSurrogate(*low)) {
      return JsonUnicodeEscape{.point = 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00),
                               .length = 12};
    }
  }
  return JsonUnicodeEscape{.point = *unit};
}

void AppendUtf8(char32_t point, std::string& out) {
  const auto continuation = [point](int shift) {
    return static_cast<char>(0x80 | ((point >> shift) & 0x3F));
  };
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out.append({static_cast<char>(0xC0 | (point >> 6)), continuation(0)});
  } else if (point < 0x10000) {
    out.append({static_cast<char>(0xE0 | (point >> 12)), continuation(6), continuation(0)});
  } else {
    out.append({static_cast<char>(0xF0 | (point >> 18)), continuation(12), continuation(6),
                continuation(0)});
  }
}

}  // namespace itemgate
