#include "base/utf8.h"

#include <cstdint>
#include <cstring>

namespace itemgate {
namespace {

/// What a sequence looks like by its first byte. The range of the second byte rules out overlong
/// forms, surrogates and code points beyond U+10FFFF (Unicode 15, table 3-7).
struct Shape {
  std::size_t length;
  unsigned char second_min;
  unsigned char second_max;
};

constexpr Shape ShapeOf(unsigned char first) {
  if (first < 0x80) return {1, 0, 0};
  if (first < 0xC2) return {0, 0, 0};
  if (first < 0xE0) return {2, 0x80, 0xBF};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first < 0xF0) return {3, 0x80, 0xBF};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first < 0xF4) return {4, 0x80, 0xBF};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

/// The number of ASCII bytes in front, counted in steps of eight.
std::size_t AsciiWords(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof word);
    if ((word & 0x8080808080808080u) != 0) break;
  }
  return i;
}

}  // namespace

std::size_t Utf8SequenceLength(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const Shape shape = ShapeOf(byte(0));
  if (shape.length <= 1) return shape.length;
  if (text.size() < shape.length) return 0;
  if (byte(1) < shape.second_min || byte(1) > shape.second_max) return 0;
  for (std::size_t i = 2; i < shape.length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  return shape.length;
}

bool IsUtf8(std::string_view text) {
  while (true) {
    text.remove_prefix(AsciiWords(text));
    if (text.empty()) return true;
    const std::size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
}

}  // namespace itemgate
