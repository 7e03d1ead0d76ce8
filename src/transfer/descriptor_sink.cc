#include "transfer/descriptor_sink.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace itemgate {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;

ErrorCode CodeOf(int error_number) {
  if (error_number == EPIPE) return ErrorCode::kUnavailable;
  if (error_number == ENOSPC || error_number == EDQUOT) return ErrorCode::kStorageFull;
  return ErrorCode::kIo;
}

}  // namespace

DescriptorSink::DescriptorSink(int descriptor, std::string name)
    : descriptor_(descriptor), name_(std::move(name)) {}

Result<void> DescriptorSink::Write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) {
    if (auto flushed = Flush(); !flushed) return flushed;
    if (bytes.size() > kBufferBytes) return WriteNow(bytes);
  }
  buffer_.append(bytes);
  return {};
}

Result<void> DescriptorSink::Flush() {
  const std::string pending = std::exchange(buffer_, {});
  return WriteNow(pending);
}

Result<void> DescriptorSink::WriteNow(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {  // somebody else made the pipe or terminal non-blocking
      pollfd wait{.fd = descriptor_, .events = POLLOUT, .revents = 0};
      (void)::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return Fail(CodeOf(errno),
                  "cannot write " + name_ + ": " + std::generic_category().message(errno));
    }
  }
  return {};
}

}  // namespace itemgate
