#include "base/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/utf8.h"

namespace itemgate {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

constexpr bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\';
}

void AppendEscaped(std::string& out, unsigned char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (byte) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
  }
}

template <typename T>
void AppendNumber(std::string& out, T value) {
  std::array<char, 32> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  ITEMGATE_CHECK(error == std::errc());
  out.append(digits.data(), end);
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && IsPlain(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;

    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t length = Utf8SequenceLength(text);
    if (length == 0) {
      out += kReplacement;
    } else if (length == 1) {
      AppendEscaped(out, byte);
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void JsonWriter::BeforeValue() {
  if (levels_.empty()) {
    ITEMGATE_CHECK(text_.empty());
    return;
  }
  Level& level = levels_.back();
  ITEMGATE_CHECK(level != Level::kEmptyObject);
  ITEMGATE_CHECK(level != Level::kObject);
  if (level == Level::kArray) text_ += ',';
  level = level == Level::kNamed ? Level::kObject : Level::kArray;
}

JsonWriter& JsonWriter::Begin(Level level, char bracket) {
  BeforeValue();
  text_ += bracket;
  levels_.push_back(level);
  return *this;
}

JsonWriter& JsonWriter::BeginObject() { return Begin(Level::kEmptyObject, '{'); }
JsonWriter& JsonWriter::BeginArray() { return Begin(Level::kEmptyArray, '['); }

JsonWriter& JsonWriter::EndObject() {
  ITEMGATE_CHECK(!levels_.empty());
  ITEMGATE_CHECK(levels_.back() == Level::kEmptyObject || levels_.back() == Level::kObject);
  levels_.pop_back();
  text_ += '}';
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  ITEMGATE_CHECK(!levels_.empty());
  ITEMGATE_CHECK(levels_.back() == Level::kEmptyArray || levels_.back() == Level::kArray);
  levels_.pop_back();
  text_ += ']';
  return *this;
}

JsonWriter& JsonWriter::Name(std::string_view name) {
  ITEMGATE_CHECK(!levels_.empty());
  Level& level = levels_.back();
  ITEMGATE_CHECK(level == Level::kEmptyObject || level == Level::kObject);
  if (level == Level::kObject) text_ += ',';
  level = Level::kNamed;
  AppendJsonString(text_, name);
  text_ += ':';
  return *this;
}

JsonWriter& JsonWriter::Value(std::string_view text) {
  BeforeValue();
  AppendJsonString(text_, text);
  return *this;
}

JsonWriter& JsonWriter::Value(double value) {
  if (!std::isfinite(value)) return Null();
  BeforeValue();
  AppendNumber(text_, value);
  return *this;
}

JsonWriter& JsonWriter::Literal(std::string_view literal) {
  BeforeValue();
  text_ += literal;
  return *this;
}

JsonWriter& JsonWriter::Signed(std::int64_t value) {
  BeforeValue();
  AppendNumber(text_, value);
  return *this;
}

JsonWriter& JsonWriter::Unsigned(std::uint64_t value) {
  BeforeValue();
  AppendNumber(text_, value);
  return *this;
}

std::string JsonWriter::Take() {
  ITEMGATE_CHECK(levels_.empty());
  return std::exchange(text_, {});
}

}  // namespace itemgate
