#pragma once

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
};

}  // namespace itemgate
