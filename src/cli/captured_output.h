#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "cli/context.h"

namespace itemgate::cli {

/// For tests: what is printed to a descriptor, kept in memory.
class CapturedOutput {
 public:
  CapturedOutput() : descriptor_(::memfd_create("output", MFD_CLOEXEC)) {}
  ~CapturedOutput() { ::close(descriptor_); }
  CapturedOutput(const CapturedOutput&) = delete;
  CapturedOutput& operator=(const CapturedOutput&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

  [[nodiscard]] std::string text() const {
    std::string text(1 << 20, '\0');
    const ssize_t n = ::pread(descriptor_, text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

 private:
  int descriptor_;
};

}  // namespace itemgate::cli
