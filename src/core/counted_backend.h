#pragma once

#include <atomic>
#include <cstdint>

#include "itemgate/backend.h"
#include "itemgate/service.h"

namespace itemgate {

/// Counts what a backend says, and is otherwise that backend, which must outlive it. Threads: any. Every call must have
/// reported before it is destroyed.
class CountedBackend final : public ItemBackend {
 public:
  explicit CountedBackend(ItemBackend& backend) : backend_(backend) {}

  void SaveItem(const BackendItem& item, SaveDone done) override;
  void FindItemsWithContent(const ContentKey& key, std::string_view content,
                            FindDone done) override;

  [[nodiscard]] BackendStatistics Statistics() const;

 private:
  ItemBackend& backend_;

  // Relaxed, for each stands alone.
  std::atomic<std::uint64_t> saved_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::atomic<std::uint64_t> unknown_ = 0;
  std::atomic<std::uint64_t> found_ = 0;
  std::atomic<std::uint64_t> found_twice_ = 0;
  std::atomic<std::uint64_t> absent_ = 0;
  std::atomic<std::uint64_t> not_told_ = 0;
};

}  // namespace itemgate
