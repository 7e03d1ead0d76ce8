#include "cli/item_pages.h"

#include <algorithm>

namespace itemgate::cli {

Result<std::vector<Item>> ItemPages::Next() {
  const PageLimits defaults;
  while (range_.items_max > 0) {
    const bool all_scopes = range_.scope.empty();
    const std::uint64_t wanted = all_scopes
                                     ? std::min<std::uint64_t>(range_.items_max, defaults.items_max)
                                     : defaults.items_max;
    auto items = items_.GetAllItems(after_, {.items_max = static_cast<std::size_t>(wanted)});
    if (!items || items->empty()) return items;
    after_ = items->back().id;
    if (!all_scopes)
      std::erase_if(*items,
                    [&](const Item& item) { return item.key.scope.name() != range_.scope; });
    if (items->empty()) continue;
    if (items->size() > range_.items_max) {
      items->resize(static_cast<std::size_t>(range_.items_max));
      after_ = items->back().id;
    }
    range_.items_max -= items->size();
    return items;
  }
  return std::vector<Item>();
}

}  // namespace itemgate::cli
