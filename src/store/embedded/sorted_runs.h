#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/file.h"
#include "itemgate/content_key.h"
#include "itemgate/error.h"
#include "itemgate/item.h"

namespace itemgate {

/// The part of the key index that is on disk: RocksDB, fed with sorted runs only. Safe from any thread, but one AddRun
/// at a time.
class SortedRuns {
 public:
  using Entry = std::pair<const ContentKey, ItemId>;

  /// Opens the runs in `directory`, creating it; if the disk is full, for reading, until a run can be added.
  /// `files` must outlive them.
  [[nodiscard]] static Result<std::unique_ptr<SortedRuns>> Open(FileSystem& files,
                                                                const std::string& directory);
  ~SortedRuns();

  /// The runs hold every item up to this id.
  [[nodiscard]] ItemId complete_through() const;

  /// Adds keys, in any order, that make the runs complete through `through`; durable when it returns.
  [[nodiscard]] Result<void> AddRun(std::span<const Entry* const> entries, ItemId through);

  /// Fills in the ids of the keys that are there; leaves the other ids alone. Skips keys whose id is not 0.
  [[nodiscard]] Result<void> Find(std::span<const ContentKey* const> keys,
                                  std::span<ItemId> ids) const;

  /// How many keys there are of items up to `through`; reads them all.
  [[nodiscard]] Result<std::uint64_t> Count(ItemId through) const;

 private:
  class Impl;
  explicit SortedRuns(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate
