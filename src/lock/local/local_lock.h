#pragma once

#include <cstddef>
#include <memory>

#include "itemgate/lock.h"
#include "net/executor.h"

namespace itemgate {

/// Locks among the callers of one process: whoever waits gets it in turn, and it is never lost. Cost: memory for names
/// that are held or waited for, and nothing for others.
class LocalLock final : public ContentLock {
 public:
  /// `executor` tells those who waited, and must outlive the lock and its leases.
  explicit LocalLock(Executor& executor);
  /// Who still waits is answered kUnavailable. Leases may outlive it.
  ~LocalLock() override;
  LocalLock(const LocalLock&) = delete;
  LocalLock& operator=(const LocalLock&) = delete;

  void Acquire(std::string_view name, const AcquireOptions& options, Acquired done) override;

  /// Names that are held.
  [[nodiscard]] std::size_t held_count() const;

 private:
  class Table;
  class HeldLease;
  std::shared_ptr<Table>
      table_;  // co-owned by the leases, and by timers and cancellations while they run
};

}  // namespace itemgate
