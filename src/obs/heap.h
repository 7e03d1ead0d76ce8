#pragma once

#include <cstdint>

namespace itemgate {

/// Bytes that this process has taken from its allocator and not given back, of all threads. 0 where the allocator does
/// not tell (sanitizers, other C libraries). Costs a walk over the allocator's arenas: for reports, not for hot paths.
[[nodiscard]] std::uint64_t HeapBytesInUse();

}  // namespace itemgate
