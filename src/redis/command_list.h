#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace itemgate::redis {

/// Commands in the form in which they are sent, one after the other. Keep one and Clear it: then it allocates nothing
/// once it has grown. Any bytes may be in an argument. One thread at a time.
class CommandList {
 public:
  CommandList() = default;
  /// A list of one command: CommandList("SET", key, value, "NX", "PX", 30'000).
  template <typename... Arguments>
  explicit CommandList(std::string_view name, const Arguments&... arguments) {
    Add(name, arguments...);
  }

  /// Appends a command; arguments are texts or integers.
  template <typename... Arguments>
  CommandList& Add(std::string_view name, const Arguments&... arguments) {
    Begin(1 + sizeof...(arguments));
    Append(name);
    (Append(arguments), ...);
    return *this;
  }

  /// Appends a command of `argument_count` arguments, its name included; as many calls of Append must follow.
  void Begin(std::size_t argument_count) {
    AppendHeader('*', argument_count);
    ++size_;
  }
  void Append(std::string_view argument) {
    AppendHeader('$', argument.size());
    bytes_.append(argument).append("\r\n");
  }
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  void Append(Integer argument) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), argument).ptr;
    Append(std::string_view(digits.data(), end));
  }

  void Clear() {
    bytes_.clear();
    size_ = 0;
  }

  /// How many commands, and so how many replies.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  void AppendHeader(char type, std::size_t number) {
    std::array<char, 24> text;
    text[0] = type;
    char* end = std::to_chars(text.data() + 1, text.data() + text.size() - 2, number).ptr;
    *end++ = '\r';
    *end++ = '\n';
    bytes_.append(text.data(), end);
  }

  std::string bytes_;
  std::size_t size_ = 0;
};

}  // namespace itemgate::redis
