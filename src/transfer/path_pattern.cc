#include "transfer/path_pattern.h"

#include <optional>

namespace itemgate {
namespace {

/// One sign of a pattern other than `*`.
struct Sign {
  std::size_t length = 1;  // in the pattern
  bool matches = false;
};

/// A set `[…]` at the front of the pattern, or nothing if it does not end.
std::optional<Sign> MatchSet(std::string_view pattern, char c) {
  std::size_t i = 1;
  const bool inverted = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (inverted) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size(); first = false) {
    if (pattern[i] == ']' && !first) return Sign{.length = i + 1, .matches = found != inverted};
    const bool is_range = i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']';
    const auto low = static_cast<unsigned char>(pattern[i]);
    const auto high = static_cast<unsigned char>(is_range ? pattern[i + 2] : pattern[i]);
    const auto byte = static_cast<unsigned char>(c);
    found = found || (low <= byte && byte <= high);
    i += is_range ? 3 : 1;
  }
  return std::nullopt;
}

Sign MatchSign(std::string_view pattern, char c) {
  if (pattern[0] == '?') return {.matches = true};
  if (pattern[0] == '[')
    if (const auto set = MatchSet(pattern, c)) return *set;
  if (pattern[0] == '\\' && pattern.size() > 1) return {.length = 2, .matches = pattern[1] == c};
  return {.matches = pattern[0] == c};
}

}  // namespace

bool HasWildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

bool MatchesName(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.') && !pattern.starts_with("\\."))
    return false;
  std::size_t p = 0;
  std::size_t n = 0;
  std::optional<std::size_t> star;  // behind the last `*`
  std::size_t star_name = 0;        // where what it matches ends, for now
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_name = n;
      continue;
    }
    const Sign sign = p < pattern.size() ? MatchSign(pattern.substr(p), name[n]) : Sign{};
    if (sign.matches) {
      p += sign.length;
      ++n;
    } else if (star) {
      p = *star;
      n = ++star_name;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace itemgate
