#include "core/save_room.h"

#include <string>

namespace itemgate {

Result<void> SaveRoom::Take(const SaveCall& call) {
  const std::size_t count = call.saving_count();
  const std::size_t savings = savings_.fetch_add(count, std::memory_order_relaxed) + count;
  const std::size_t more = call.content_bytes();
  const std::size_t bytes = bytes_.fetch_add(more, std::memory_order_relaxed) + more;
  if (closed_.load()) return Fail(ErrorCode::kUnavailable, "the service is closing");
  if (count > batch_items_max_)
    return Fail(ErrorCode::kTooLarge, "a batch of more than " + std::to_string(batch_items_max_) +
                                          " items; send smaller ones");
  if (savings > savings_max_)
    return Fail(ErrorCode::kBusy, "more than " + std::to_string(savings_max_) +
                                      " saves are under way; send it again later");
  if (bytes > bytes_max_)
    return Fail(ErrorCode::kBusy, "contents of more than " + std::to_string(bytes_max_) +
                                      " bytes are under way; send it again later");
  std::uint64_t peak = peak_.load(std::memory_order_relaxed);
  while (savings > peak && !peak_.compare_exchange_weak(peak, savings, std::memory_order_relaxed)) {
  }
  return {};
}

void SaveRoom::Free(const SaveCall& call) {
  savings_.fetch_sub(call.saving_count(), std::memory_order_relaxed);
  bytes_.fetch_sub(call.content_bytes(), std::memory_order_relaxed);
}

}  // namespace itemgate
