#include "app/service_manager.h"

#include <systemd/sd-daemon.h>

#include <chrono>
#include <cstdint>

namespace itemgate {

// A failure means that nobody listens.
void NotifyServiceManager(const std::string& state) { sd_notify(0, state.c_str()); }

std::vector<Descriptor> TakeInheritedSockets() {
  std::vector<Descriptor> sockets;
  const int count = sd_listen_fds(1);
  for (int i = 0; i < count; ++i) sockets.emplace_back(SD_LISTEN_FDS_START + i);
  return sockets;
}

std::optional<Duration> WatchdogInterval() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::microseconds(microseconds);
}

}  // namespace itemgate
