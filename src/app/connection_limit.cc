#include "app/connection_limit.h"

#include <algorithm>
#include <string>

namespace itemgate {
namespace {

constexpr std::size_t kStoreFiles = 64;  // a store opens two for every 256 MiB of items
constexpr std::size_t kLoopFiles =
    4;  // epoll, wake-up, timer, a connection that is about to be closed
constexpr std::size_t kUseful = 16;

}  // namespace

Result<std::size_t> ConnectionsWithin(const ProcessStatistics& process, std::size_t wanted,
                                      std::size_t threads, std::size_t addresses) {
  if (process.open_files_max == 0) return wanted;
  const std::size_t taken = process.open_files + kStoreFiles + kManagementConnectionsMax +
                            (threads + 1) * (kLoopFiles + addresses);
  const std::size_t left = process.open_files_max - std::min(process.open_files_max, taken);
  if (left < std::min(wanted, kUseful))
    return Fail(ErrorCode::kIo, "this process may open " + std::to_string(process.open_files_max) +
                                    " files, which leaves none for connections; let it open " +
                                    std::to_string(taken + wanted) +
                                    " (ulimit -n, or LimitNOFILE= of systemd)");
  return std::min(wanted, left);
}

}  // namespace itemgate
