#pragma once

#include <chrono>

#include "itemgate/lock.h"
#include "itemgate/redlock.h"

namespace itemgate::redlock {

/// RedLock behind the seam: one attempt at once, and then, if asked, waiting with a strict deadline.
class RedLockContentLock final : public ContentLock {
 public:
  /// `factory` must outlive it; leases may outlive both.
  RedLockContentLock(RedLockFactory& factory, std::chrono::milliseconds expiry)
      : factory_(factory), expiry_(expiry) {}

  void Acquire(std::string_view name, const AcquireOptions& options, Acquired done) override;

 private:
  RedLockFactory& factory_;
  const std::chrono::milliseconds expiry_;
};

}  // namespace itemgate::redlock
