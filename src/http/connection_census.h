#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "http/limits.h"

namespace itemgate::http {

/// Counts the open connections of all loops of a server, and those of each address. Safe from any thread.
class ConnectionCensus {
 public:
  /// `limits` must outlive it.
  explicit ConnectionCensus(const ServerLimits& limits) : limits_(limits) {}

  /// False if a limit is reached.
  [[nodiscard]] bool Admit(const std::string& address) EXCLUDES(mutex_);
  /// REQUIRES: it was admitted.
  void Leave(const std::string& address) EXCLUDES(mutex_);

  /// Waits until `loop_count` loops have said that they admit nobody any more and nobody is left, or until GiveUp was
  /// called. How many are left.
  [[nodiscard]] std::size_t WaitUntilEmpty(std::size_t loop_count) EXCLUDES(mutex_);
  void LoopClosed() EXCLUDES(mutex_);
  void GiveUp() EXCLUDES(mutex_);

 private:
  const ServerLimits& limits_;

  Mutex mutex_;
  ConditionVariable changed_;
  std::size_t count_ GUARDED_BY(mutex_) = 0;
  std::size_t loops_closed_ GUARDED_BY(mutex_) = 0;
  bool given_up_ GUARDED_BY(mutex_) = false;
  std::unordered_map<std::string, std::size_t> by_address_ GUARDED_BY(mutex_);
};

}  // namespace itemgate::http
