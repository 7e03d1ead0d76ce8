#include "store/embedded/key_index.h"

#include <deque>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/mutex.h"
#include "store/embedded/sorted_runs.h"

namespace itemgate {
namespace {

// So many tables may wait for the background; at the next one the caller builds a run itself.
constexpr std::size_t kFrozenTablesMax = 3;

// So few keys are not worth a run: reading them from the log takes a few milliseconds.
constexpr std::size_t kTailKeysMax = 20'000;

struct Table {
  Table(std::size_t key_count, std::uint64_t seed) : ids(0, ContentKeyHash{seed}) {
    ids.reserve(key_count);
  }
  boost::unordered_flat_map<ContentKey, ItemId, ContentKeyHash> ids;
  ItemId last;  // the newest durable item whose key is in it
};

}  // namespace

class KeyIndex::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Options options, std::unique_ptr<SortedRuns> runs)
      : options_(std::move(options)), runs_(std::move(runs)), active_(NewTable()) {}

  [[nodiscard]] ItemId complete_through() const { return runs_->complete_through(); }

  Result<std::vector<ItemId>> Find(std::span<const ContentKey* const> keys) const EXCLUDES(mutex_) {
    std::vector<ItemId> ids(keys.size());
    std::size_t found = 0;
    {
      const ReaderLock lock(mutex_);
      for (std::size_t i = 0; i < keys.size(); ++i) {
        ids[i] = FindInMemory(*keys[i]);
        found += ids[i].value != 0 ? 1 : 0;
      }
    }
    // A table leaves the memory only after its run is there: what was not in memory then is in the runs, or nowhere.
    if (found < keys.size()) {
      if (auto searched = runs_->Find(keys, ids); !searched)
        return std::unexpected(searched.error());
    }
    return ids;
  }

  ItemId Add(const ContentKey& key, ItemId id) EXCLUDES(mutex_) {
    const WriterLock lock(mutex_);
    return active_->ids.try_emplace(key, id).first->second;
  }

  void AddMissing(std::span<const ContentKey* const> keys, std::span<ItemId> ids, ItemId next)
      EXCLUDES(mutex_) {
    const WriterLock lock(mutex_);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (ids[i].value != 0) continue;
      const auto [added, is_new] = active_->ids.try_emplace(*keys[i], next);
      ids[i] = added->second;
      if (is_new) ++next.value;
    }
  }

  void Remove(const ContentKey& key) EXCLUDES(mutex_) {
    const WriterLock lock(mutex_);
    active_->ids.erase(key);
  }

  void SettleAdded(ItemId through) EXCLUDES(mutex_, build_mutex_) {
    {
      const WriterLock lock(mutex_);
      active_->last = through;
      if (active_->ids.size() < options_.run_keys) return;
    }
    // A run that cannot be built, for want of space perhaps, stays a table and is tried again with the next.
    if (Freeze() > kFrozenTablesMax) {
      static_cast<void>(BuildRun());
      return;
    }
    options_.background.Post([weak = weak_from_this()] {
      if (const auto index = weak.lock()) static_cast<void>(index->BuildRun());
    });
  }

  Result<void> Flush() EXCLUDES(mutex_, build_mutex_) {
    {
      const ReaderLock lock(mutex_);
      if (frozen_.empty() && active_->ids.size() <= kTailKeysMax) return {};
    }
    for (std::size_t left = Freeze(); left > 0; --left) {
      if (auto built = BuildRun(); !built) return built;
    }
    return {};
  }

  Result<std::uint64_t> Count(ItemId through) const EXCLUDES(mutex_, build_mutex_) {
    const MutexLock no_run_is_built(build_mutex_);
    Result<std::uint64_t> count = runs_->Count(through);
    if (!count) return count;
    const auto count_table = [&](const Table& table) {
      for (const auto& [key, id] : table.ids) *count += id <= through ? 1 : 0;
    };
    const ReaderLock lock(mutex_);
    for (const auto& table : frozen_) count_table(*table);
    count_table(*active_);
    return count;
  }

 private:
  [[nodiscard]] std::unique_ptr<Table> NewTable() const {
    return std::make_unique<Table>(options_.run_keys, options_.seed);
  }

  [[nodiscard]] ItemId FindInMemory(const ContentKey& key) const REQUIRES_SHARED(mutex_) {
    if (const auto it = active_->ids.find(key); it != active_->ids.end()) return it->second;
    for (const auto& table : frozen_) {
      if (const auto it = table->ids.find(key); it != table->ids.end()) return it->second;
    }
    return {};
  }

  /// Freezes the table if anything is in it; the number of tables that are frozen afterwards.
  std::size_t Freeze() EXCLUDES(mutex_) {
    auto fresh = NewTable();
    const WriterLock lock(mutex_);
    if (active_->ids.empty()) return frozen_.size();
    frozen_.push_back(std::move(active_));
    active_ = std::move(fresh);
    return frozen_.size();
  }

  /// Turns the oldest frozen table, if there is one, into a run.
  Result<void> BuildRun() EXCLUDES(mutex_, build_mutex_) {
    const MutexLock one_at_a_time(build_mutex_);
    std::shared_ptr<const Table> oldest;
    {
      const ReaderLock lock(mutex_);
      if (frozen_.empty()) return {};
      oldest = frozen_.front();
    }
    std::vector<const SortedRuns::Entry*> entries;
    entries.reserve(oldest->ids.size());
    for (const SortedRuns::Entry& entry : oldest->ids) entries.push_back(&entry);
    if (auto added = runs_->AddRun(entries, oldest->last); !added) return added;
    const WriterLock lock(mutex_);
    frozen_.pop_front();
    return {};
  }

  // Constant after construction.
  const Options options_;
  const std::unique_ptr<SortedRuns> runs_;

  mutable Mutex build_mutex_;  // held while a run is built; taken before mutex_
  mutable SharedMutex mutex_;
  std::unique_ptr<Table> active_ GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<const Table>> frozen_
      GUARDED_BY(mutex_);  // oldest first; shared with who builds a run
};

KeyIndex::KeyIndex(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

KeyIndex::~KeyIndex() = default;

Result<std::unique_ptr<KeyIndex>> KeyIndex::Open(Options options) {
  auto runs = SortedRuns::Open(options.files, options.directory);
  if (!runs) return std::unexpected(runs.error());
  return std::unique_ptr<KeyIndex>(
      new KeyIndex(std::make_shared<Impl>(std::move(options), std::move(*runs))));
}

ItemId KeyIndex::complete_through() const { return impl_->complete_through(); }

Result<std::vector<ItemId>> KeyIndex::Find(std::span<const ContentKey* const> keys) const {
  return impl_->Find(keys);
}

ItemId KeyIndex::Add(const ContentKey& key, ItemId id) { return impl_->Add(key, id); }

void KeyIndex::AddMissing(std::span<const ContentKey* const> keys, std::span<ItemId> ids,
                          ItemId next) {
  impl_->AddMissing(keys, ids, next);
}

void KeyIndex::Remove(const ContentKey& key) { impl_->Remove(key); }

void KeyIndex::SettleAdded(ItemId through) { impl_->SettleAdded(through); }

Result<void> KeyIndex::Flush() { return impl_->Flush(); }

Result<std::uint64_t> KeyIndex::Count(ItemId through) const { return impl_->Count(through); }

}  // namespace itemgate
