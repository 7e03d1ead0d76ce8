#pragma once

#include <functional>
#include <memory>
#include <string>

#include "transfer/byte_stream.h"

namespace itemgate {

struct DescriptorSourceOptions {
  /// Readable as soon as reading is to end; must stay open as long as the source lives. -1: nothing ends it.
  int stop_descriptor = -1;
  /// Called in a read that has to wait for input, before it waits. May be empty.
  std::function<void()> before_waiting;
};

/// Reads a file, pipe or terminal. Owns its descriptor, except standard input. One thread at a time.
///
/// Reads fail with kIo, or with kUnavailable once the stop descriptor is readable, even while waiting for input.
class DescriptorSource final : public ByteSource {
 public:
  /// Fails with kNotFound or kIo.
  [[nodiscard]] static Result<std::unique_ptr<DescriptorSource>> Open(
      const std::string& path, DescriptorSourceOptions options = {});
  [[nodiscard]] static std::unique_ptr<DescriptorSource> StandardInput(
      DescriptorSourceOptions options = {});

  ~DescriptorSource() override;
  DescriptorSource(const DescriptorSource&) = delete;
  DescriptorSource& operator=(const DescriptorSource&) = delete;

  [[nodiscard]] Result<std::size_t> Read(std::span<char> buffer) override;
  [[nodiscard]] std::uint64_t BytesUsed() const override { return bytes_used_; }

 private:
  DescriptorSource(int descriptor, DescriptorSourceOptions options)
      : descriptor_(descriptor), options_(std::move(options)) {}

  [[nodiscard]] Result<void> WaitForInput();

  const int descriptor_;
  DescriptorSourceOptions options_;
  std::uint64_t bytes_used_ = 0;
};

/// All of a source, but not more than `bytes_max`.
[[nodiscard]] Result<std::string> ReadUpTo(ByteSource& source, std::size_t bytes_max);

}  // namespace itemgate
