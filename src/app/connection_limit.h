#pragma once

#include <cstddef>

#include "itemgate/error.h"
#include "obs/process.h"

namespace itemgate {

/// Connections of the management listener, for which descriptors are kept.
inline constexpr std::size_t kManagementConnectionsMax = 64;

/// As many of the connections that are `wanted` as the process has descriptors for, besides those that are open and
/// those that a server with so many threads and addresses to listen at takes: at the limit it must still accept
/// connections, to close them, serve its operators, and open files of the store.
///
/// Fails with kIo, and says what to do, if hardly any would be left.
[[nodiscard]] Result<std::size_t> ConnectionsWithin(const ProcessStatistics& process,
                                                    std::size_t wanted, std::size_t threads,
                                                    std::size_t addresses);

}  // namespace itemgate
