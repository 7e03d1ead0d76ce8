#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "itemgate/content_key.h"
#include "itemgate/item.h"

namespace itemgate {

/// This process's bounded memory of saved keys and their ids. Positive only: what it does not know may well be saved.
///
/// A fixed array of buckets of eight keys; a full bucket forgets about the key that was not asked for longest (CLOCK).
/// Safe from any thread. At most 58 bytes per key once filled; memory is taken as keys come, in huge pages if the
/// system gives them.
class NearCache {
 public:
  /// Room for about `key_count_max` keys; 0 makes a cache that remembers nothing.
  NearCache(std::size_t key_count_max, std::uint64_t seed);
  ~NearCache();

  [[nodiscard]] std::optional<ItemId> Find(const ContentKey& key);

  /// Has the memory that Find will look at first brought closer; worth it for whoever has other work to do meanwhile.
  void Prefetch(const ContentKey& key) const;

  /// Remembers a key. REQUIRES: the item is durable.
  void Insert(const ContentKey& key, ItemId id);

  /// Bytes of the array.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Bucket;
  static constexpr std::size_t kStripeCount = 256;
  struct alignas(64) Stripe {
    Mutex mutex;  // guards the buckets whose number leaves its own, modulo kStripeCount
  };

  // Constant after construction.
  ContentKeyHash hash_;
  std::size_t bucket_count_;
  std::unique_ptr<Stripe[]> stripes_;
  struct FreeDeleter {
    void operator()(Bucket* buckets) const;
  };
  std::unique_ptr<Bucket[], FreeDeleter> buckets_;
};

}  // namespace itemgate
