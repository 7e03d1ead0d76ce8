#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "itemgate/lock.h"
#include "net/thread_executor.h"

namespace itemgate {

/// A lock that the processes of one machine share and that so many may have at a time: of none, whoever asks waits in
/// vain, and of two it guards nothing. Each place is a file in a folder, and free when its holder is gone.
///
/// Threads: any. Answers before it returns, or on a thread of its own; what waits when it is destroyed gets no answer.
class LockFiles final : public ContentLock {
 public:
  LockFiles(std::string folder, int holders_max)
      : folder_(std::move(folder)), holders_max_(holders_max) {}

  void Acquire(std::string_view name, const AcquireOptions& options, Acquired done) override;

 private:
  void Ask(std::string path, Instant until, Acquired done);
  /// Null if somebody is in every place.
  [[nodiscard]] std::unique_ptr<Lease> Take(const std::string& path) const;

  const std::string folder_;
  const int holders_max_;
  const SystemClock clock_;
  ThreadExecutor executor_{"lock", 1};
};

}  // namespace itemgate
