#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "itemgate/backend.h"
#include "itemgate/lock.h"
#include "itemgate/store.h"

namespace itemgate::naive {

/// The way that this service does not go: whoever holds the lock of a content asks the backend for it, gives it to the
/// backend if it is not there, and makes the item; then the lock is given back. The lock is all that keeps servers
/// apart.
///
/// Stands before a backend and a store, for the core calls them in that order. Threads: any. All must outlive it.
class LockedSaves final : public ItemBackend, public ItemStore {
 public:
  struct Parts {
    ContentLock& lock;
    ItemBackend& backend;
    ItemStore& store;
  };

  LockedSaves(const Parts& parts, std::chrono::milliseconds lock_wait)
      : parts_(parts), lock_wait_(lock_wait) {}

  /// Takes the lock first; kFailed if it is not to be had.
  void FindItemsWithContent(const ContentKey& key, std::string_view content,
                            FindDone done) override;
  void SaveItem(const BackendItem& item, SaveDone done) override;
  /// Then gives the locks back.
  void Insert(std::span<Insertion* const> batch, InsertDone done) override;

  Result<std::vector<std::optional<ItemId>>> Find(std::span<const ContentKey> keys) override {
    return parts_.store.Find(keys);
  }
  Result<Item> Get(ItemId id) override { return parts_.store.Get(id); }
  Result<std::vector<Item>> List(ItemId after, PageLimits limits) override {
    return parts_.store.List(after, limits);
  }
  StoreStatistics Statistics() const override { return parts_.store.Statistics(); }

 private:
  void Keep(const ContentKey& key, std::unique_ptr<Lease> lease) EXCLUDES(mutex_);
  void GiveBack(const ContentKey& key) EXCLUDES(mutex_);

  const Parts parts_;
  const std::chrono::milliseconds lock_wait_;

  Mutex mutex_;
  std::map<std::string, std::unique_ptr<Lease>> leases_ GUARDED_BY(mutex_);
};

}  // namespace itemgate::naive
