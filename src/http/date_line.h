#pragma once

#include <string>
#include <string_view>

#include "itemgate/item.h"

namespace itemgate::http {

/// The Date field of answers, made once a second. One thread.
class DateLine {
 public:
  /// Makes the line anew if another second has begun.
  void Update(WallTime now);

  /// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::chrono::sys_seconds second_{};
  std::string text_;
};

}  // namespace itemgate::http
