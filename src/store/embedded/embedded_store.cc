#include "store/embedded/embedded_store.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "store/embedded/data_directory.h"
#include "store/embedded/item_log.h"
#include "store/embedded/key_index.h"

namespace itemgate {
namespace {

using log_format::RecordView;

class EmbeddedStoreImpl final : public EmbeddedStore {
 public:
  EmbeddedStoreImpl(Parts parts, DataDirectory directory, std::unique_ptr<ItemLog> log,
                    std::unique_ptr<KeyIndex> index)
      : parts_(parts),
        directory_(std::move(directory)),
        log_(std::move(log)),
        index_(std::move(index)),
        durable_(log_->last().value) {}

  ~EmbeddedStoreImpl() override {
    log_->Close();
    if (!broken()) directory_.RecordClosed(parts_.files, log_->last());
    // What does not get into a run now is read from the log at the next start.
    static_cast<void>(index_->Flush());
  }

  [[nodiscard]] bool broken() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return broken_.has_value();
  }

  /// Reads the keys of the items that the index does not know yet.
  Result<void> CatchUp();

  void Insert(std::span<Insertion* const> batch, InsertDone done) override EXCLUDES(mutex_) {
    done(Commit(batch));
  }
  Result<std::vector<std::optional<ItemId>>> Find(std::span<const ContentKey> keys) override;
  Result<Item> Get(ItemId id) override;
  Result<std::vector<Item>> List(ItemId after, PageLimits limits) override;
  StoreStatistics Statistics() const override;
  Result<VerifyReport> Verify(std::move_only_function<void(std::uint64_t)> progress) override;

 private:
  [[nodiscard]] Result<void> Commit(std::span<Insertion* const> batch) EXCLUDES(mutex_);
  /// Decides each insertion and returns those that make an item, with ids from `next` on.
  [[nodiscard]] Result<std::vector<Insertion*>> Decide(std::span<Insertion* const> batch,
                                                       ItemId next) REQUIRES(mutex_);

  // Constant after construction; log and index synchronise themselves.
  const Parts parts_;
  DataDirectory directory_;
  const std::unique_ptr<ItemLog> log_;
  const std::unique_ptr<KeyIndex> index_;

  // The newest durable id. Keys of ids above it are in the index already while their commit is under way.
  std::atomic<std::uint64_t> durable_;
  std::atomic<bool> stopped_ = false;  // broken_ has a value; for reports, so relaxed

  Mutex mutex_;  // one commit at a time
  std::optional<Error> broken_ GUARDED_BY(mutex_);
};

Result<void> EmbeddedStoreImpl::CatchUp() {
  const ItemId known = index_->complete_through();
  if (known > log_->last()) {
    return Fail(ErrorCode::kCorrupt,
                "the item log ends with item " + std::to_string(log_->last().value) +
                    " but the index knows items up to " + std::to_string(known.value) + ": " +
                    directory_.log() + " has lost its end; restore it from a copy");
  }
  return log_->Read(ItemId{known.value + 1}, {}, [this](const RecordView& record) {
    index_->Add(record.key, record.id);
    index_->SettleAdded(record.id);
    return true;
  });
}

Result<void> EmbeddedStoreImpl::Commit(std::span<Insertion* const> batch) {
  const MutexLock lock(mutex_);
  if (broken_) return std::unexpected(*broken_);
  const auto created = Decide(batch, ItemId{durable_.load(std::memory_order_relaxed) + 1});
  if (!created) return std::unexpected(created.error());
  if (created->empty()) return {};
  if (auto appended = log_->Append(*created, parts_.clock.WallNow()); !appended) {
    for (const Insertion* insertion : *created) index_->Remove(insertion->key);
    if (appended.error().code != ErrorCode::kStorageFull &&
        appended.error().code != ErrorCode::kTooLarge) {
      broken_ = Error(ErrorCode::kUnavailable,
                      "the store stopped saving after an error of the disk (" +
                          appended.error().message + "); mend the disk, then open the store again");
      stopped_.store(true, std::memory_order_relaxed);
    }
    return appended;
  }
  durable_.store(created->back()->id.value, std::memory_order_release);
  index_->SettleAdded(created->back()->id);
  return {};
}

Result<std::vector<Insertion*>> EmbeddedStoreImpl::Decide(std::span<Insertion* const> batch,
                                                          ItemId next) {
  std::vector<const ContentKey*> keys;
  keys.reserve(batch.size());
  for (const Insertion* insertion : batch) keys.push_back(&insertion->key);
  auto ids = index_->Find(keys);
  if (!ids) return std::unexpected(ids.error());
  index_->AddMissing(keys, *ids, next);

  std::vector<Insertion*> created;
  created.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Insertion& insertion = *batch[i];
    insertion.id = (*ids)[i];
    insertion.created = insertion.id == next;
    if (!insertion.created) continue;
    created.push_back(&insertion);
    ++next.value;
  }
  return created;
}

Result<std::vector<std::optional<ItemId>>> EmbeddedStoreImpl::Find(
    std::span<const ContentKey> keys) {
  std::vector<const ContentKey*> pointers;
  for (const ContentKey& key : keys) pointers.push_back(&key);
  // Before the index: an id that is seen there while its commit fails is given to another key, and durable with that.
  const std::uint64_t durable = durable_.load(std::memory_order_acquire);
  const auto ids = index_->Find(pointers);
  if (!ids) return std::unexpected(ids.error());
  std::vector<std::optional<ItemId>> found(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if ((*ids)[i].value != 0 && (*ids)[i].value <= durable) found[i] = (*ids)[i];
  }
  return found;
}

Result<Item> EmbeddedStoreImpl::Get(ItemId id) {
  if (id.value == 0 || id.value > durable_.load(std::memory_order_acquire))
    return Fail(ErrorCode::kNotFound, "there is no item " + std::to_string(id.value));
  Item item;
  const auto read = log_->Read(id, {.items_max = 1}, [&](const RecordView& record) {
    item = record.ToItem();
    return false;
  });
  if (!read) return std::unexpected(read.error());
  return item;
}

Result<std::vector<Item>> EmbeddedStoreImpl::List(ItemId after, PageLimits limits) {
  std::vector<Item> page;
  std::size_t bytes = 0;
  if (after.value >= durable_.load(std::memory_order_acquire)) return page;
  const auto read = log_->Read(ItemId{after.value + 1}, limits, [&](const RecordView& record) {
    bytes += record.content.size();
    if (!page.empty() && (page.size() >= limits.items_max || bytes > limits.content_bytes_max))
      return false;
    page.push_back(record.ToItem());
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return page;
}

StoreStatistics EmbeddedStoreImpl::Statistics() const {
  std::uint64_t disk_bytes = 0;
  for (const std::string& part : {directory_.log(), directory_.index()}) {
    const auto entries = parts_.files.List(part).value_or(std::vector<DirectoryEntry>());
    for (const DirectoryEntry& entry : entries) disk_bytes += entry.size;
  }
  return {.items = durable_.load(std::memory_order_acquire),
          .content_bytes = log_->content_bytes(),
          .disk_bytes = disk_bytes,
          .syncs = log_->sync_count(),
          .accepts_items = !stopped_.load(std::memory_order_relaxed)};
}

Result<VerifyReport> EmbeddedStoreImpl::Verify(
    std::move_only_function<void(std::uint64_t)> progress) {
  constexpr std::uint64_t kAtOnce = 1000;
  constexpr std::size_t kProblemsKept = 100;
  VerifyReport report;
  const std::uint64_t durable_before = durable_.load(std::memory_order_acquire);
  const auto problem = [&report](std::string sentence) {
    if (++report.problem_count <= kProblemsKept) report.problems.push_back(std::move(sentence));
  };
  std::vector<ContentKey> keys;
  const auto check_keys = [&]() -> Result<void> {
    std::vector<const ContentKey*> pointers;
    for (const ContentKey& key : keys) pointers.push_back(&key);
    const auto ids = index_->Find(pointers);
    if (!ids) return std::unexpected(ids.error());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::uint64_t id = report.items - keys.size() + i + 1;
      if ((*ids)[i].value != id)
        problem("the index has the content of item " + std::to_string(id) + " under id " +
                std::to_string((*ids)[i].value));
    }
    keys.clear();
    progress(report.items);
    return {};
  };

  Result<void> checked;
  const auto scrubbed = log_->Scrub([&](const RecordView& record) {
    ++report.items;
    report.content_bytes += record.content.size();
    if (record.id.value != report.items)
      problem("item " + std::to_string(report.items) + " is missing from the log");
    const auto key = MakeContentKey(record.key.scope, record.content);
    if (!key || *key != record.key)
      problem("the content of item " + std::to_string(record.id.value) +
              " does not have its digest");
    keys.push_back(record.key);
    if (keys.size() == kAtOnce) checked = check_keys();
    return checked.has_value();
  });
  if (checked) checked = check_keys();
  if (!checked) return std::unexpected(checked.error());
  if (!scrubbed) problem(scrubbed.error().message);

  const auto count = index_->Count(ItemId{report.items});
  if (!count) return std::unexpected(count.error());
  if (*count != report.items)
    problem("the index holds " + std::to_string(*count) + " keys for " +
            std::to_string(report.items) + " items");
  if (report.items < durable_before)
    problem("the log holds " + std::to_string(report.items) + " items, not " +
            std::to_string(durable_before));
  return report;
}

}  // namespace

Result<std::unique_ptr<EmbeddedStore>> EmbeddedStore::Open(Parts parts, Options options) {
  auto directory = DataDirectory::Open(
      parts.files, options.directory,
      options.must_exist ? DataDirectory::IfAbsent::kFail : DataDirectory::IfAbsent::kCreate,
      options.seed);
  if (!directory) return std::unexpected(directory.error());
  auto log = ItemLog::Open({.files = parts.files,
                            .directory = directory->log(),
                            .store = directory->store(),
                            .known_last = directory->closed_with(),
                            .segment_bytes = options.segment_bytes});
  if (!log) return std::unexpected(log.error());
  auto index = KeyIndex::Open({.files = parts.files,
                               .background = parts.background,
                               .directory = directory->index(),
                               .seed = options.seed,
                               .run_keys = options.run_keys});
  if (!index) return std::unexpected(index.error());
  auto store = std::make_unique<EmbeddedStoreImpl>(parts, std::move(*directory), std::move(*log),
                                                   std::move(*index));
  if (auto caught_up = store->CatchUp(); !caught_up) return std::unexpected(caught_up.error());
  return store;
}

}  // namespace itemgate
