#include "core/counted_backend.h"

#include <utility>

namespace itemgate {
namespace {

void Increment(std::atomic<std::uint64_t>& counter) {
  counter.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t Read(const std::atomic<std::uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

}  // namespace

void CountedBackend::SaveItem(const BackendItem& item, SaveDone done) {
  backend_.SaveItem(item, [this, done = std::move(done)](Result<void> saved) mutable {
    const bool is_refused = !saved && saved.error().code == ErrorCode::kFailed;
    Increment(saved ? saved_ : is_refused ? failed_ : unknown_);
    done(std::move(saved));
  });
}

void CountedBackend::FindItemsWithContent(const ContentKey& key, std::string_view content,
                                          FindDone done) {
  backend_.FindItemsWithContent(
      key, content, [this, done = std::move(done)](Result<std::uint64_t> found) mutable {
        Increment(!found ? not_told_ : *found == 0 ? absent_ : found_);
        if (found && *found > 1) Increment(found_twice_);
        done(std::move(found));
      });
}

BackendStatistics CountedBackend::Statistics() const {
  return {.saved = Read(saved_),
          .failed = Read(failed_),
          .unknown = Read(unknown_),
          .found = Read(found_),
          .found_twice = Read(found_twice_),
          .absent = Read(absent_),
          .not_told = Read(not_told_)};
}

}  // namespace itemgate
