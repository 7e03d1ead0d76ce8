#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "itemgate/content_key.h"
#include "itemgate/item.h"

namespace itemgate {

/// A content that is saved, under its id.
struct SeenItem {
  ContentKey key;
  ItemId id;
};

/// What became of what it was asked and told since its start.
struct SeenCacheStatistics {
  std::uint64_t looks = 0;  // keys asked for: the sum of the next six, but for those under way
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;        // it does not know them
  std::uint64_t mac_failures = 0;  // what it knows is forged, or of another key: told as a miss
  std::uint64_t timeouts = 0;      // no answer within its deadline
  std::uint64_t errors = 0;        // not reached, or refused
  std::uint64_t skipped = 0;       // not asked, since looking does not pay
  std::uint64_t fills = 0;         // items told to it
  std::uint64_t fills_lost = 0;    // of them: dropped for want of room, not reached, or refused
  std::chrono::nanoseconds round_trip{};  // of a question, smoothed; 0: none was answered yet
  std::size_t nodes = 0;                  // it consists of
  std::size_t nodes_ready = 0;            // of them: can be asked now
};

/// The seam to the memory of saved contents that many servers share. It knows what is saved, never what is not: its
/// loss, its slowness and what others write into it change how long an answer takes, and nothing else.
///
/// Threads: any. Failure: none; what it cannot tell in a few milliseconds it does not know.
class SeenCache {
 public:
  using Found = std::move_only_function<void(std::vector<std::optional<ItemId>>)>;

  virtual ~SeenCache() = default;

  /// The ids of those that it knows, in the order of the keys. Calls `found` once: here, or later on a thread of the
  /// cache's, which it must not block. Cost: at most one round trip for all of them.
  virtual void Look(std::vector<ContentKey> keys, Found found) = 0;

  /// Tells it what is saved: only what is durable. Does not wait; may be forgotten.
  virtual void Fill(std::span<const SeenItem> items) = 0;

  [[nodiscard]] virtual SeenCacheStatistics Statistics() const = 0;
};

}  // namespace itemgate
