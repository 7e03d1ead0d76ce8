#include "index/near_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

#include "base/check.h"

namespace itemgate {

namespace {
constexpr std::size_t kWays = 8;

/// Of other bits than those that choose the bucket.
std::uint8_t TagOf(std::uint64_t hash) { return static_cast<std::uint8_t>(hash >> 56); }

/// Keys lie anywhere in the array. In small pages nearly each of them would cost a walk through the page tables, too,
/// which takes longer than all else. A system that has no huge pages does without.
void AskForHugePages(void* memory, std::size_t bytes) {
  constexpr std::uintptr_t kSmallPageBytes = 4096;
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (address + kSmallPageBytes - 1) / kSmallPageBytes * kSmallPageBytes;
  if (first >= address + bytes) return;
  static_cast<void>(
      ::madvise(reinterpret_cast<void*>(first), address + bytes - first, MADV_HUGEPAGE));
}
}  // namespace

struct NearCache::Bucket {
  struct Entry {
    ContentKey key;
    ItemId id;
  };
  /// The way of the key, or used_count.
  [[nodiscard]] std::size_t WayOf(const ContentKey& key, std::uint8_t tag) const {
    std::size_t way = 0;
    while (way < used_count && (tags[way] != tag || entries[way].key != key)) ++way;
    return way;
  }
  void Put(std::size_t way, const Entry& entry, std::uint8_t tag) {
    tags[way] = tag;
    entries[way] = entry;
  }

  // In one cache line: where a key is not, hardly any other is looked at.
  std::uint8_t tags[kWays];  // of the hashes of the keys
  std::uint8_t used_count;
  std::uint8_t referenced;  // bit i: entries[i] was asked for since the hand last passed
  std::uint8_t hand;

  Entry entries[kWays];
};

void NearCache::FreeDeleter::operator()(Bucket* buckets) const { std::free(buckets); }

NearCache::NearCache(std::size_t key_count_max, std::uint64_t seed)
    : hash_{seed},
      bucket_count_((key_count_max + kWays - 1) / kWays),
      stripes_(std::make_unique<Stripe[]>(kStripeCount)) {
  static_assert(std::is_trivially_destructible_v<Bucket>);
  static_assert(sizeof(Bucket) <= kWays * 50, "58 bytes per key at the usual filling of 86 %");
  if (bucket_count_ == 0) return;
  // Zeroed pages come from the system untouched: an empty bucket is all zeros and costs no memory yet.
  buckets_.reset(static_cast<Bucket*>(std::calloc(bucket_count_, sizeof(Bucket))));
  ITEMGATE_CHECK(buckets_ != nullptr);
  AskForHugePages(buckets_.get(), bucket_count_ * sizeof(Bucket));
}

NearCache::~NearCache() = default;

std::optional<ItemId> NearCache::Find(const ContentKey& key) {
  if (bucket_count_ == 0) return std::nullopt;
  const std::uint64_t hash = hash_(key);
  const std::size_t index = hash % bucket_count_;
  Bucket& bucket = buckets_[index];
  const MutexLock lock(stripes_[index % kStripeCount].mutex);
  const std::size_t way = bucket.WayOf(key, TagOf(hash));
  if (way == bucket.used_count) return std::nullopt;
  bucket.referenced = static_cast<std::uint8_t>(bucket.referenced | (1U << way));
  return bucket.entries[way].id;
}

void NearCache::Prefetch(const ContentKey& key) const {
  if (bucket_count_ == 0) return;
  __builtin_prefetch(&buckets_[hash_(key) % bucket_count_]);
}

void NearCache::Insert(const ContentKey& key, ItemId id) {
  if (bucket_count_ == 0) return;
  const std::uint64_t hash = hash_(key);
  const std::uint8_t tag = TagOf(hash);
  const std::size_t index = hash % bucket_count_;
  Bucket& bucket = buckets_[index];
  const MutexLock lock(stripes_[index % kStripeCount].mutex);
  if (bucket.WayOf(key, tag) < bucket.used_count) return;
  if (bucket.used_count < kWays) return bucket.Put(bucket.used_count++, {key, id}, tag);
  while ((bucket.referenced >> bucket.hand & 1U) != 0) {
    bucket.referenced = static_cast<std::uint8_t>(bucket.referenced & ~(1U << bucket.hand));
    bucket.hand = static_cast<std::uint8_t>((bucket.hand + 1) % kWays);
  }
  bucket.Put(bucket.hand, {key, id}, tag);
  bucket.hand = static_cast<std::uint8_t>((bucket.hand + 1) % kWays);
}

std::size_t NearCache::memory_bytes() const { return bucket_count_ * sizeof(Bucket); }

}  // namespace itemgate
