#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "itemgate/error.h"

namespace itemgate {

/// Bytes to read, front to back. One thread at a time. Cost: may block.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Reads at least one byte into `buffer`, or none at the end. REQUIRES: buffer is not empty.
  [[nodiscard]] virtual Result<std::size_t> Read(std::span<char> buffer) = 0;

  /// Bytes of the file or pipe below that were used so far; what progress is measured in.
  [[nodiscard]] virtual std::uint64_t BytesUsed() const = 0;
};

/// Where bytes are written, front to back. One thread at a time. Cost: may block. After a failure nothing more can be
/// written.
class ByteSink {
 public:
  virtual ~ByteSink() = default;

  [[nodiscard]] virtual Result<void> Write(std::string_view bytes) = 0;

  /// Hands on all that was written so far.
  [[nodiscard]] virtual Result<void> Flush() = 0;

  /// Completes the stream; nothing may be written after it.
  [[nodiscard]] virtual Result<void> Finish() = 0;
};

}  // namespace itemgate
