#include "index/in_flight_table.h"

#include <utility>

#include <boost/unordered/unordered_flat_set.hpp>

#include "base/check.h"
#include "base/mutex.h"

namespace itemgate {
namespace {

struct HashOwner : ContentKeyHash {
  using is_transparent = void;
  using ContentKeyHash::operator();
  [[nodiscard]] std::uint64_t operator()(const InFlightEntry* owner) const {
    return (*this)(owner->key);
  }
};

struct SameKey {
  using is_transparent = void;
  static const ContentKey& KeyOf(const ContentKey& key) { return key; }
  static const ContentKey& KeyOf(const InFlightEntry* owner) { return owner->key; }
  [[nodiscard]] bool operator()(const auto& left, const auto& right) const {
    return KeyOf(left) == KeyOf(right);
  }
};

}  // namespace

struct alignas(64) InFlightTable::Shard {
  mutable Mutex mutex;
  boost::unordered_flat_set<InFlightEntry*, HashOwner, SameKey> owners GUARDED_BY(mutex);
  // The links of every entry whose key belongs to this shard are guarded by it as well.
};

InFlightTable::InFlightTable(std::uint64_t seed, std::size_t joined_max)
    : joined_max_(joined_max), hash_{seed}, shards_(std::make_unique<Shard[]>(kShardCount)) {
  for (std::size_t i = 0; i < kShardCount; ++i) {
    const MutexLock lock(shards_[i].mutex);
    shards_[i].owners = decltype(shards_[i].owners)(0, HashOwner{{seed}});
  }
}

InFlightTable::~InFlightTable() { ITEMGATE_CHECK(size() == 0); }

InFlightTable::Shard& InFlightTable::ShardOf(const ContentKey& key) const {
  return shards_[hash_(key) >> 58];  // the high bits; the sets use the low ones
}

InFlightTable::Entered InFlightTable::Enter(InFlightEntry& entry, IfTaken if_taken) {
  static_assert(kShardCount == 1 << (64 - 58));
  Shard& shard = ShardOf(entry.key);
  const MutexLock lock(shard.mutex);
  const auto [found, inserted] = shard.owners.insert(&entry);
  if (inserted) return Entered::kOwner;
  if (if_taken == IfTaken::kLeave) return Entered::kTaken;
  return AddJoined(**found, entry);
}

std::optional<InFlightTable::Entered> InFlightTable::Join(InFlightEntry& entry) {
  Shard& shard = ShardOf(entry.key);
  const MutexLock lock(shard.mutex);
  const auto found = shard.owners.find(entry.key);
  if (found == shard.owners.end()) return std::nullopt;
  return AddJoined(**found, entry);
}

InFlightTable::Entered InFlightTable::AddJoined(InFlightEntry& owner, InFlightEntry& entry) const {
  if (owner.joined_count >= joined_max_) return Entered::kTaken;
  ++owner.joined_count;
  entry.joined = true;
  entry.previous = owner.joined_last;
  (owner.joined_last != nullptr ? owner.joined_last->next : owner.joined_first) = &entry;
  owner.joined_last = &entry;
  return Entered::kJoined;
}

InFlightEntry* InFlightTable::TakeOut(InFlightEntry& owner) {
  Shard& shard = ShardOf(owner.key);
  const MutexLock lock(shard.mutex);
  ITEMGATE_CHECK(shard.owners.erase(&owner) == 1);
  InFlightEntry* const first = owner.joined_first;
  for (InFlightEntry* entry = first; entry != nullptr; entry = entry->next) {
    entry->joined = false;
    entry->previous = nullptr;
  }
  owner.joined_first = owner.joined_last = nullptr;
  owner.joined_count = 0;
  return first;
}

InFlightEntry* InFlightTable::PromoteNext(InFlightEntry& owner) {
  Shard& shard = ShardOf(owner.key);
  const MutexLock lock(shard.mutex);
  ITEMGATE_CHECK(shard.owners.erase(&owner) == 1);
  InFlightEntry* const next_owner = owner.joined_first;
  if (next_owner == nullptr) return nullptr;
  next_owner->joined_count = std::exchange(owner.joined_count, 0) - 1;
  next_owner->joined = false;
  next_owner->joined_first = next_owner->next;
  next_owner->joined_last = next_owner->next != nullptr ? owner.joined_last : nullptr;
  next_owner->next = nullptr;
  if (next_owner->joined_first != nullptr) next_owner->joined_first->previous = nullptr;
  owner.joined_first = owner.joined_last = nullptr;
  shard.owners.insert(next_owner);
  return next_owner;
}

bool InFlightTable::Quit(InFlightEntry& entry) {
  Shard& shard = ShardOf(entry.key);
  const MutexLock lock(shard.mutex);
  if (!entry.joined) return false;
  InFlightEntry& owner = **shard.owners.find(entry.key);
  (entry.previous != nullptr ? entry.previous->next : owner.joined_first) = entry.next;
  (entry.next != nullptr ? entry.next->previous : owner.joined_last) = entry.previous;
  entry.next = entry.previous = nullptr;
  entry.joined = false;
  --owner.joined_count;
  return true;
}

std::size_t InFlightTable::size() const {
  std::size_t total = 0;
  for (std::size_t i = 0; i < kShardCount; ++i) {
    const MutexLock lock(shards_[i].mutex);
    total += shards_[i].owners.size();
  }
  return total;
}

void InFlightTable::VisitOwners(
    const std::function<void(const InFlightEntry&, std::size_t)>& visit) const {
  for (std::size_t i = 0; i < kShardCount; ++i) {
    const MutexLock lock(shards_[i].mutex);
    for (const InFlightEntry* owner : shards_[i].owners) visit(*owner, owner->joined_count);
  }
}

}  // namespace itemgate
