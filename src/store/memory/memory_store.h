#pragma once

#include <memory>

#include "base/clock.h"
#include "itemgate/store.h"

namespace itemgate {

/// A store in this process's memory; gone with the process. Insert never fails and reports before it returns.
///
/// About 80 bytes per item besides its content. `clock` must outlive the store.
[[nodiscard]] std::unique_ptr<ItemStore> NewMemoryStore(const Clock& clock, std::uint64_t seed);

}  // namespace itemgate
