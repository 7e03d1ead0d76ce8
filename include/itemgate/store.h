#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/error.h"
#include "itemgate/item.h"

namespace itemgate {

/// One content offered to a store, and the place where the store writes its verdict.
struct Insertion {
  // Given by the caller; the views must stay valid until the insertion is done.
  ContentKey key;
  std::string_view content;
  std::string_view media_type;  // at most kMediaTypeBytesMax bytes

  // Written by the store before it reports success.
  ItemId id;             // of the new item, or of the one that was there before
  bool created = false;  // true if this insertion made the item
};

inline constexpr std::size_t kMediaTypeBytesMax = 255;

/// Bounds of one page of items. A page ends at whichever comes first, but holds at least one item if there is one.
struct PageLimits {
  std::size_t items_max = 1000;
  std::size_t content_bytes_max = 4 << 20;
};

struct StoreStatistics {
  std::uint64_t items = 0;          // durable items; also the highest id in a dense store
  std::uint64_t content_bytes = 0;  // of those items, where the store knows; else 0
  std::uint64_t disk_bytes = 0;     // all the store occupies on disk; 0 for a store in memory
  std::uint64_t syncs = 0;          // times data was forced to disk since the store was opened
  /// False after an error that only opening the store anew can mend, and while a database cannot be reached.
  bool accepts_items = true;
  bool may_have_lost_items = false;  // see ItemStore
  std::string problem;  // why it accepts none, for operators; empty if the store does not know
};

/// The durable arbiter of what is saved: whoever inserts a content first there has won. Gives the ids.
///
/// Threads: every method may be called from any thread at any time, but not from within an Insert's `done`. Failure:
/// errors are values; after an Insert that failed with kUnknown a store on this machine's disk accepts no more
/// insertions until it is opened anew. Cost: all methods may block on the disk or the network.
class ItemStore {
 public:
  using InsertDone = std::move_only_function<void(Result<void>)>;

  virtual ~ItemStore() = default;

  /// Saves those of the batch whose key is absent, gives them the next ids in the order of the batch, and fills in id
  /// and created of every insertion. Equal keys within the batch make one item. Calls `done` exactly once, from any
  /// thread, possibly before returning: with success only when all of the batch is durable; otherwise none of it was
  /// saved (kStorageFull, kIo, kTooLarge, …) or nobody can know (kUnknown). The span itself need not outlive the call.
  virtual void Insert(std::span<Insertion* const> batch, InsertDone done) = 0;

  /// For each key the id of its durable item, or nothing.
  [[nodiscard]] virtual Result<std::vector<std::optional<ItemId>>> Find(
      std::span<const ContentKey> keys) = 0;

  /// The item of that id; kNotFound if there is none.
  [[nodiscard]] virtual Result<Item> Get(ItemId id) = 0;

  /// The items with ids above `after`, in id order, up to the limits. Empty at the end.
  [[nodiscard]] virtual Result<std::vector<Item>> List(ItemId after, PageLimits limits) = 0;

  [[nodiscard]] virtual StoreStatistics Statistics() const = 0;

  /// True from when it is found that items which were reported as saved may be gone, as after a failover of a database:
  /// whatever callers remember of the store is void, and it serves nothing until it is opened anew. Cost: next to none.
  [[nodiscard]] virtual bool may_have_lost_items() const { return false; }
};

}  // namespace itemgate
