#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/save_call.h"
#include "itemgate/error.h"
#include "itemgate/service.h"

namespace itemgate {

/// How much is under way, and how much more may be. Threads: any.
class SaveRoom {
 public:
  explicit SaveRoom(const ServiceOptions& options)
      : batch_items_max_(options.batch_items_max),
        savings_max_(options.in_flight_max),
        bytes_max_(options.in_flight_bytes_max) {}

  /// Counts the call as under way, and says whether it may begin: not above a limit, nor after Close. Whatever it says,
  /// Free must follow.
  [[nodiscard]] Result<void> Take(const SaveCall& call);
  void Free(const SaveCall& call);

  /// From now on there is none.
  void Close() { closed_.store(true); }

  /// Savings of calls that have not ended, and the most there ever were.
  [[nodiscard]] std::size_t savings() const { return savings_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  const std::size_t batch_items_max_;
  const std::size_t savings_max_;
  const std::size_t bytes_max_;

  // Relaxed: each stands alone, and a limit may be off by what comes at the same time.
  std::atomic<std::size_t> savings_ = 0;
  std::atomic<std::size_t> bytes_ = 0;  // of their contents
  std::atomic<std::uint64_t> peak_ = 0;
  std::atomic<bool> closed_ = false;
};

}  // namespace itemgate
