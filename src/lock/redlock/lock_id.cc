#include "lock/redlock/lock_id.h"

#include <unistd.h>

#include <span>
#include <string_view>

#include "base/random.h"

namespace itemgate::redlock {

LockIds::LockIds(RedLockIdStyle style) {
  if (style != RedLockIdStyle::kHostProcessGuid) return;
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) prefix_ = host.data();
  prefix_ += "/" + std::to_string(getpid()) + "/";
}

std::string LockIds::Next() {
  constexpr std::size_t kIdBytes = 16;
  if (left_ < kIdBytes) {
    FillUnpredictable(std::as_writable_bytes(std::span(bytes_)));
    left_ = bytes_.size();
  }
  left_ -= kIdBytes;
  std::array<unsigned char, kIdBytes> id;
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(left_), kIdBytes, id.begin());
  id[6] = static_cast<unsigned char>((id[6] & 0x0F) | 0x40);  // version 4, variant 1 (RFC 9562)
  id[8] = static_cast<unsigned char>((id[8] & 0x3F) | 0x80);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = prefix_;
  text.reserve(prefix_.size() + 36);
  for (std::size_t i = 0; i < kIdBytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kDigits[id[i] >> 4]);
    text.push_back(kDigits[id[i] & 0x0F]);
  }
  return text;
}

}  // namespace itemgate::redlock
