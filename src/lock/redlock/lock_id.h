#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "itemgate/redlock.h"

namespace itemgate::redlock {

/// Makes the values of keys: a GUID of 122 random bits from the operating system, and before it, if asked, who made it.
/// One thread.
class LockIds {
 public:
  explicit LockIds(RedLockIdStyle style);

  /// "0f8fad5b-d9cb-469f-a165-70867728950e"
  [[nodiscard]] std::string Next();

 private:
  std::string prefix_;
  std::array<unsigned char, 4096> bytes_{};  // drawn at once: each draw is a system call
  std::size_t left_ = 0;
};

}  // namespace itemgate::redlock
