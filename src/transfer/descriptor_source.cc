#include "transfer/descriptor_source.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/check.h"

namespace itemgate {
namespace {

std::unexpected<Error> FailWith(int error_number, std::string_view action) {
  const ErrorCode code = error_number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return Fail(code, std::string(action) + ": " + std::generic_category().message(error_number));
}

}  // namespace

Result<std::unique_ptr<DescriptorSource>> DescriptorSource::Open(const std::string& path,
                                                                 DescriptorSourceOptions options) {
  // Not blocking: the opening of a pipe that nobody writes to could not be stopped. Reads wait in poll instead.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return FailWith(errno, "cannot open " + path);
  (void)::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<DescriptorSource>(new DescriptorSource(descriptor, std::move(options)));
}

std::unique_ptr<DescriptorSource> DescriptorSource::StandardInput(DescriptorSourceOptions options) {
  return std::unique_ptr<DescriptorSource>(new DescriptorSource(STDIN_FILENO, std::move(options)));
}

DescriptorSource::~DescriptorSource() {
  if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

Result<void> DescriptorSource::WaitForInput() {
  std::array<pollfd, 2> waiting{{{.fd = descriptor_, .events = POLLIN, .revents = 0},
                                 {.fd = options_.stop_descriptor, .events = POLLIN, .revents = 0}}};
  int timeout = 0;  // look first, then wait
  while (true) {
    const int ready = ::poll(waiting.data(), waiting.size(), timeout);
    if (ready > 0) break;
    if (ready < 0 && errno != EINTR) return FailWith(errno, "cannot wait for input");
    if (ready == 0 && options_.before_waiting) options_.before_waiting();
    if (ready == 0) timeout = -1;
  }
  if (waiting[1].revents != 0) return Fail(ErrorCode::kUnavailable, "stopped");
  return {};
}

Result<std::size_t> DescriptorSource::Read(std::span<char> buffer) {
  ITEMGATE_CHECK(!buffer.empty());
  while (true) {
    if (const auto ready = WaitForInput(); !ready) return std::unexpected(ready.error());
    const ssize_t n = ::read(descriptor_, buffer.data(), buffer.size());
    if (n >= 0) {
      bytes_used_ += static_cast<std::uint64_t>(n);
      return static_cast<std::size_t>(n);
    }
    if (errno != EINTR && errno != EAGAIN) return FailWith(errno, "cannot read");
  }
}

Result<std::string> ReadUpTo(ByteSource& source, std::size_t bytes_max) {
  constexpr std::size_t kPieceBytes = 256 << 10;
  std::string bytes;
  while (bytes.size() < bytes_max) {
    const std::size_t size = bytes.size();
    bytes.resize(std::min(size + kPieceBytes, bytes_max));
    const auto n = source.Read(std::span(bytes).subspan(size));
    if (!n) return std::unexpected(n.error());
    bytes.resize(size + *n);
    if (*n == 0) break;
  }
  return bytes;
}

}  // namespace itemgate
