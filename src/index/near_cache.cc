#include "index/near_cache.h"

#include <algorithm>
#include <cstdlib>
#include <type_traits>

#include "base/check.h"

namespace itemgate {

namespace {
constexpr std::size_t kWays = 8;
}  // namespace

struct NearCache::Bucket {
  struct Entry {
    ContentKey key;
    ItemId id;
  };
  Entry entries[kWays];
  std::uint8_t used_count;
  std::uint8_t referenced;  // bit i: entries[i] was asked for since the hand last passed
  std::uint8_t hand;
};

void NearCache::FreeDeleter::operator()(Bucket* buckets) const { std::free(buckets); }

NearCache::NearCache(std::size_t key_count_max, std::uint64_t seed)
    : hash_{seed},
      bucket_count_((key_count_max + kWays - 1) / kWays),
      stripes_(std::make_unique<Stripe[]>(kStripeCount)) {
  static_assert(std::is_trivially_destructible_v<Bucket>);
  static_assert(sizeof(Bucket) <= kWays * 49, "57 bytes per key at the usual filling of 86 %");
  if (bucket_count_ == 0) return;
  // Zeroed pages come from the system untouched: an empty bucket is all zeros and costs no memory yet.
  buckets_.reset(static_cast<Bucket*>(std::calloc(bucket_count_, sizeof(Bucket))));
  ITEMGATE_CHECK(buckets_ != nullptr);
}

NearCache::~NearCache() = default;

std::optional<ItemId> NearCache::Find(const ContentKey& key) {
  if (bucket_count_ == 0) return std::nullopt;
  const std::size_t index = hash_(key) % bucket_count_;
  Bucket& bucket = buckets_[index];
  const MutexLock lock(stripes_[index % kStripeCount].mutex);
  for (std::size_t way = 0; way < bucket.used_count; ++way) {
    if (bucket.entries[way].key != key) continue;
    bucket.referenced = static_cast<std::uint8_t>(bucket.referenced | (1U << way));
    return bucket.entries[way].id;
  }
  return std::nullopt;
}

void NearCache::Prefetch(const ContentKey& key) const {
  if (bucket_count_ == 0) return;
  constexpr std::size_t kCacheLine = 64;
  const auto* const bucket = reinterpret_cast<const char*>(&buckets_[hash_(key) % bucket_count_]);
  for (std::size_t at = 0; at < sizeof(Bucket); at += kCacheLine) __builtin_prefetch(bucket + at);
}

void NearCache::Insert(const ContentKey& key, ItemId id) {
  if (bucket_count_ == 0) return;
  const std::size_t index = hash_(key) % bucket_count_;
  Bucket& bucket = buckets_[index];
  const MutexLock lock(stripes_[index % kStripeCount].mutex);
  for (std::size_t way = 0; way < bucket.used_count; ++way) {
    if (bucket.entries[way].key == key) return;
  }
  if (bucket.used_count < kWays) {
    bucket.entries[bucket.used_count++] = {key, id};
    return;
  }
  while ((bucket.referenced >> bucket.hand & 1U) != 0) {
    bucket.referenced = static_cast<std::uint8_t>(bucket.referenced & ~(1U << bucket.hand));
    bucket.hand = static_cast<std::uint8_t>((bucket.hand + 1) % kWays);
  }
  bucket.entries[bucket.hand] = {key, id};
  bucket.hand = static_cast<std::uint8_t>((bucket.hand + 1) % kWays);
}

std::size_t NearCache::memory_bytes() const { return bucket_count_ * sizeof(Bucket); }

}  // namespace itemgate
