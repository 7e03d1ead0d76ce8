#pragma once

#include <string>

#include "transfer/byte_stream.h"

namespace itemgate {

/// Writes to an open file descriptor through a buffer of 64 KiB. Does not own the descriptor, which must stay open.
/// Fails with kUnavailable once nobody reads the pipe any more, with kStorageFull, or with kIo.
class DescriptorSink final : public ByteSink {
 public:
  /// `name` is what error messages call the output.
  DescriptorSink(int descriptor, std::string name);

  [[nodiscard]] Result<void> Write(std::string_view bytes) override;
  [[nodiscard]] Result<void> Flush() override;
  [[nodiscard]] Result<void> Finish() override { return Flush(); }

 private:
  [[nodiscard]] Result<void> WriteNow(std::string_view bytes);

  int descriptor_;
  std::string name_;
  std::string buffer_;
};

}  // namespace itemgate
