#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

#include "itemgate/content_key.h"

namespace itemgate {

/// The incremental id of an item: 1, 2, 3 … in commit order, without gaps in the memory and embedded stores.
/// 0 is "before the first item".
struct ItemId {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(ItemId, ItemId) = default;
};

/// Wall-clock time, UTC, to the microsecond.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

/// A saved item. Immutable.
struct Item {
  ItemId id;
  ContentKey key;
  std::string content;     // the exact bytes of the first sender
  std::string media_type;  // as the first sender gave it; empty if none was given
  WallTime saved_at;
};

}  // namespace itemgate
