#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "itemgate/error.h"
#include "transfer/descriptor_sink.h"

namespace itemgate::cli {

/// Standard output or standard error, buffered. Remembers its first failure instead of reporting it at every call:
/// whoever prints much looks at `failed()` now and then, and the program looks at `failure()` once, at its end.
/// One thread at a time.
class Output {
 public:
  /// Does not own the descriptor. `name` is for error messages.
  Output(int descriptor, std::string name);

  void Print(std::string_view text);
  /// The text and a line feed.
  void PrintLine(std::string_view text);
  void Flush();

  [[nodiscard]] bool failed() const { return failure_.has_value(); }
  /// Why printing failed; kUnavailable if nobody reads any more.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  [[nodiscard]] bool is_terminal() const { return is_terminal_; }
  /// Of the terminal, as it is now; 80 if nobody knows.
  [[nodiscard]] int columns() const;

 private:
  DescriptorSink sink_;
  int descriptor_;
  bool is_terminal_;
  std::optional<Error> failure_;
};

}  // namespace itemgate::cli
