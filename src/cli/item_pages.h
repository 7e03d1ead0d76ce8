#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/items.h"

namespace itemgate::cli {

/// Which items to go through.
struct ItemRange {
  ItemId after;
  std::uint64_t items_max = UINT64_MAX;
  std::string scope;  // only items of it; empty: of every scope
};

/// Goes through all items, page by page; memory is bounded by one page. One thread.
class ItemPages {
 public:
  /// `items` must outlive this.
  ItemPages(Items& items, ItemRange range)
      : items_(items), range_(std::move(range)), after_(range_.after) {}

  /// The next items of the range; empty at its end.
  [[nodiscard]] Result<std::vector<Item>> Next();

  /// All up to this id have been looked at.
  [[nodiscard]] ItemId after() const { return after_; }

 private:
  Items& items_;
  ItemRange range_;
  ItemId after_;
};

}  // namespace itemgate::cli
