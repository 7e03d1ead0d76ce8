#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

#include "itemgate/error.h"

namespace itemgate {

/// The right to work on one content, for a while. Destroying it gives it back, without waiting. Any thread.
class Lease {
 public:
  virtual ~Lease() = default;
  /// When it ends unless it is renewed, which whoever gave it does. Nothing: it does not end.
  [[nodiscard]] virtual std::optional<std::chrono::steady_clock::time_point> Deadline() const = 0;
  /// Stop is requested when the lease is lost: some time before its deadline if it could not be renewed.
  [[nodiscard]] virtual std::stop_token LostToken() const = 0;
};

struct AcquireOptions {
  std::chrono::milliseconds wait{};  // for whoever has it; 0: only looks
  std::stop_token cancellation;
};

/// The seam to locks on contents, so that not many servers do the same slow work at once. It saves work; it is never
/// what makes a save right, so that a lock may as well grant twice, or never.
///
/// Threads: any. Fails with kBusy if somebody else has it, kUnavailable if nobody can know, kCancelled.
class ContentLock {
 public:
  using Acquired = std::move_only_function<void(Result<std::unique_ptr<Lease>>)>;

  virtual ~ContentLock() = default;
  /// `name` is any bytes. Calls `done` once: here, or later on a thread of the lock's, which it must not block.
  virtual void Acquire(std::string_view name, const AcquireOptions& options, Acquired done) = 0;
};

}  // namespace itemgate
