#pragma once

#include <atomic>
#include <cstdint>

namespace itemgate {

/// Wakes all who wait for one event with one system call; waking sleepers one by one costs 50 us each.
///
/// Who waits must look for itself whether what it waits for has come:
///   for (auto heard = bell.Listen(); !ready; heard = bell.Listen()) bell.Wait(heard);
/// Memory order: what was written before Ring is seen after the Listen or Wait that notices the ring.
class Bell {
 public:
  [[nodiscard]] std::uint32_t Listen() const { return rings_.load(std::memory_order_acquire); }

  /// Returns once the bell has rung since `heard` was taken. Spins shortly before it sleeps.
  void Wait(std::uint32_t heard) const { rings_.wait(heard, std::memory_order_acquire); }

  void Ring() {
    rings_.fetch_add(1, std::memory_order_release);
    rings_.notify_all();
  }

 private:
  std::atomic<std::uint32_t> rings_ = 0;  // futex-sized; wrapping round is harmless
};

}  // namespace itemgate
