#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace itemgate {

/// Writes one JSON document (RFC 8259) into a string, front to back, without spaces.
///
/// What it gives is always well-formed, valid UTF-8 and free of line breaks: bytes of a string that
/// are not UTF-8 become U+FFFD, numbers that JSON does not have (infinities, NaN) become null.
/// Wrong nesting is a programmer's error and ends the process. One thread at a time; costs only
/// what the string costs.
class JsonWriter {
 public:
  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();

  /// The name of the next value. REQUIRES: inside an object, where a name is due.
  JsonWriter& Name(std::string_view name);

  JsonWriter& Value(std::string_view text);
  JsonWriter& Value(const char* text) { return Value(std::string_view(text)); }
  JsonWriter& Value(const std::string& text) { return Value(std::string_view(text)); }
  template <std::same_as<bool> T>
  JsonWriter& Value(T value) {
    return Literal(value ? "true" : "false");
  }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  JsonWriter& Value(T value) {
    if constexpr (std::is_signed_v<T>)
      return Signed(value);
    else
      return Unsigned(value);
  }
  JsonWriter& Value(double value);
  JsonWriter& Null() { return Literal("null"); }

  /// A named value: Name and Value in one.
  template <typename T>
  JsonWriter& Field(std::string_view name, const T& value) {
    return Name(name).Value(value);
  }

  /// What was written so far.
  [[nodiscard]] const std::string& text() const { return text_; }
  /// The finished document; the writer is empty again. REQUIRES: everything begun was ended.
  [[nodiscard]] std::string Take();

 private:
  enum class Level : std::uint8_t { kEmptyObject, kObject, kNamed, kEmptyArray, kArray };

  JsonWriter& Begin(Level level, char bracket);
  JsonWriter& Literal(std::string_view literal);
  JsonWriter& Signed(std::int64_t value);
  JsonWriter& Unsigned(std::uint64_t value);
  void BeforeValue();

  std::string text_;
  std::vector<Level> levels_;  // of what is open, outermost first
};

/// Appends `text` as a JSON string, with its quotes.
void AppendJsonString(std::string& out, std::string_view text);

}  // namespace itemgate
