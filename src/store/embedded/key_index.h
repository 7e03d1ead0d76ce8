#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "itemgate/content_key.h"
#include "itemgate/error.h"
#include "itemgate/item.h"
#include "net/executor.h"

namespace itemgate {

/// From content key to id, for every item of the log.
///
/// The newest keys are in a table in memory. When it is full it is frozen, sorted and handed to RocksDB as one run, in
/// the background: random digests do not go through RocksDB's memtable, which takes a tenth of the rate. RocksDB has no
/// log of its own; each run says up to which id the index is complete, and the rest is read from the item log's tail
/// after a start.
///
/// Threads: Find by any thread; Add, Remove, Flush by one at a time.
class KeyIndex {
 public:
  struct Options {
    FileSystem& files;     // must outlive the index
    Executor& background;  // builds runs; must be stopped before the index is destroyed
    std::string directory;
    std::uint64_t seed = 0;          // of the tables' hash
    std::size_t run_keys = 430'000;  // fills a hash table of 24 MB
  };

  [[nodiscard]] static Result<std::unique_ptr<KeyIndex>> Open(Options options);
  ~KeyIndex();

  /// Keys of items up to this id are in sorted runs; whoever opens the index must Add those after it.
  [[nodiscard]] ItemId complete_through() const;

  /// For each key the id it was added with, or 0.
  [[nodiscard]] Result<std::vector<ItemId>> Find(std::span<const ContentKey* const> keys) const;

  /// Adds a key unless the table in memory has it already; the id it has afterwards. REQUIRES: the sorted runs do not
  /// have it, and ids grow.
  ItemId Add(const ContentKey& key, ItemId id);

  /// Adds the keys whose id is 0, under ids from `next` on, and says which they got: equal keys the same.
  void AddMissing(std::span<const ContentKey* const> keys, std::span<ItemId> ids, ItemId next);

  /// Takes back what was added since the last call of SettleAdded.
  void Remove(const ContentKey& key);

  /// What was added stays: all items up to `through` are durable. A table that is full then is frozen for the
  /// background; the caller builds a run itself when the background is too far behind.
  void SettleAdded(ItemId through);

  /// Turns all that is in memory into runs, unless it is so little that it is read from the log's tail as quickly.
  [[nodiscard]] Result<void> Flush();

  /// How many keys there are of items up to `through`; reads them all. REQUIRES: those items are settled.
  [[nodiscard]] Result<std::uint64_t> Count(ItemId through) const;

 private:
  class Impl;
  explicit KeyIndex(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with tasks in the background, for as long as they run
};

}  // namespace itemgate
