#include "key/json_name_order.h"

namespace itemgate {
namespace {

constexpr int kEndOfName = -1;

int HexValue(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

// Takes one byte of the name that a canonical string stands for.
int TakeByte(std::string_view& rest) {
  if (rest.empty()) return kEndOfName;
  const char c = rest.front();
  if (c != '\\') {
    rest.remove_prefix(1);
    return static_cast<unsigned char>(c);
  }
  const std::string_view escape = rest;
  rest.remove_prefix(escape[1] == 'u' ? 6 : 2);
  switch (escape[1]) {
    case 'b':
      return '\b';
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'f':
      return '\f';
    case 'r':
      return '\r';
    case 'u':  // canonical forms have it only for control characters: \u00XX
      return HexValue(escape[4]) * 16 + HexValue(escape[5]);
    default:
      return escape[1];
  }
}

// UTF-8 sorts as UTF-16 does but for one thing: characters beyond U+FFFF (lead bytes from 0xF0) are
// surrogates in UTF-16 and come before U+E000 to U+FFFF (lead bytes 0xEE and 0xEF). The first bytes
// that differ are both lead bytes or both continuation bytes, and these stay in order.
int Utf16Rank(int byte) {
  if (byte < 0xEE) return byte;
  return byte < 0xF0 ? byte + 0x10 : byte;
}

}  // namespace

std::strong_ordering CompareJsonNames(std::string_view a, std::string_view b) {
  for (;;) {
    const int byte_a = TakeByte(a);
    const int byte_b = TakeByte(b);
    if (byte_a != byte_b) return Utf16Rank(byte_a) <=> Utf16Rank(byte_b);
    if (byte_a == kEndOfName) return std::strong_ordering::equal;
  }
}

}  // namespace itemgate
