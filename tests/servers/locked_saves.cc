#include "locked_saves.h"

#include <utility>

namespace itemgate::naive {
namespace {

std::string NameOf(const ContentKey& key) {
  return std::string(key.scope.name()) + "/" + key.digest.ToHex();
}

}  // namespace

void LockedSaves::FindItemsWithContent(const ContentKey& key, std::string_view content,
                                       FindDone done) {
  parts_.lock.Acquire(
      NameOf(key), {.wait = lock_wait_},
      [this, key, content, done = std::move(done)](auto lease) mutable {
        if (!lease) return done(Fail(ErrorCode::kFailed, lease.error().message));
        Keep(key, *std::move(lease));
        parts_.backend.FindItemsWithContent(
            key, content, [this, key, done = std::move(done)](Result<std::uint64_t> found) mutable {
              if (!found) GiveBack(key);
              done(std::move(found));
            });
      });
}

void LockedSaves::SaveItem(const BackendItem& item, SaveDone done) {
  parts_.backend.SaveItem(
      item, [this, key = item.key, done = std::move(done)](Result<void> saved) mutable {
        if (!saved) GiveBack(key);
        done(std::move(saved));
      });
}

void LockedSaves::Insert(std::span<Insertion* const> batch, InsertDone done) {
  std::vector<ContentKey> keys;
  for (const Insertion* insertion : batch) keys.push_back(insertion->key);
  parts_.store.Insert(
      batch, [this, keys = std::move(keys), done = std::move(done)](Result<void> inserted) mutable {
        for (const ContentKey& key : keys) GiveBack(key);
        done(std::move(inserted));
      });
}

void LockedSaves::Keep(const ContentKey& key, std::unique_ptr<Lease> lease) {
  const MutexLock lock(mutex_);
  leases_[NameOf(key)] = std::move(lease);
}

void LockedSaves::GiveBack(const ContentKey& key) {
  const MutexLock lock(mutex_);
  leases_.erase(NameOf(key));
}

}  // namespace itemgate::naive
