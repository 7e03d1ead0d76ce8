#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "itemgate/store.h"
#include "store/memory/memory_store.h"
#include "testing/manual_executor.h"

namespace itemgate {

/// A store in memory whose insertions end when and how a test says. One thread.
///
/// Fault model: while held, insertions wait for Release; the next insertions can be made to fail, saving nothing; its
/// items can be lost, unnoticed or not.
class ScriptedStore final : public ItemStore {
 public:
  void Hold() { held_ = true; }

  /// Ends the oldest insertion that waits.
  void Release() {
    auto task = std::move(waiting_.front());
    waiting_.pop_front();
    task();
  }

  void FailNext(Error error) { failures_.push_back(std::move(error)); }

  /// As a failover that loses all items.
  void LoseItems() { store_ = NewMemoryStore(clock_, 1); }
  /// The same, and it has noticed.
  void EndByLoss() { lost_items_ = true; }

  [[nodiscard]] std::size_t waiting_count() const { return waiting_.size(); }
  /// The sizes of all batches there were.
  [[nodiscard]] const std::vector<std::size_t>& batch_sizes() const { return batch_sizes_; }

  void Insert(std::span<Insertion* const> batch, InsertDone done) override {
    batch_sizes_.push_back(batch.size());
    if (lost_items_) return done(Refusal());
    auto insert = [this, copy = std::vector(batch.begin(), batch.end()),
                   told = std::move(done)]() mutable {
      if (failures_.empty()) return store_->Insert(copy, std::move(told));
      Error error = std::move(failures_.front());
      failures_.pop_front();
      told(std::unexpected(std::move(error)));
    };
    if (!held_) return insert();
    waiting_.push_back(std::move(insert));
  }

  Result<std::vector<std::optional<ItemId>>> Find(std::span<const ContentKey> keys) override {
    if (lost_items_) return Refusal();
    return store_->Find(keys);
  }
  Result<Item> Get(ItemId id) override {
    if (lost_items_) return Refusal();
    return store_->Get(id);
  }
  Result<std::vector<Item>> List(ItemId after, PageLimits limits) override {
    if (lost_items_) return Refusal();
    return store_->List(after, limits);
  }
  StoreStatistics Statistics() const override {
    StoreStatistics statistics = store_->Statistics();
    statistics.may_have_lost_items = lost_items_;
    return statistics;
  }
  bool may_have_lost_items() const override { return lost_items_; }

 private:
  static std::unexpected<Error> Refusal() {
    return Fail(ErrorCode::kUnavailable, "items may be lost; open the store anew");
  }

  ManualClock clock_;
  std::unique_ptr<ItemStore> store_ = NewMemoryStore(clock_, 1);
  bool held_ = false;
  bool lost_items_ = false;
  std::deque<std::move_only_function<void()>> waiting_;
  std::deque<Error> failures_;
  std::vector<std::size_t> batch_sizes_;
};

}  // namespace itemgate
