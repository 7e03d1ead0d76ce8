#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace itemgate::redis {

/// A Lua script and its SHA-1. Make each once, for as long as any node may use it; it may be shared by threads.
class Script {
 public:
  explicit Script(std::string text);

  [[nodiscard]] std::string_view text() const { return text_; }
  /// 40 lower-case digits.
  [[nodiscard]] std::string_view sha1() const { return sha1_; }
  /// Small and unique among the scripts of this process.
  [[nodiscard]] std::uint32_t number() const { return number_; }

 private:
  std::string text_;
  std::string sha1_;
  std::uint32_t number_;
};

}  // namespace itemgate::redis
