#pragma once

#include <span>
#include <string_view>

#include "itemgate/store.h"

namespace itemgate {

/// An insertion of `content`, which must outlive it.
[[nodiscard]] Insertion InsertionOf(std::string_view content, Scope scope = {});

/// Inserts and waits; the result as the store reported it.
[[nodiscard]] Result<void> InsertAll(ItemStore& store, std::span<Insertion> insertions);

/// Inserts one content; fails the test if that fails.
Insertion InsertOne(ItemStore& store, std::string_view content, Scope scope = {});

}  // namespace itemgate
