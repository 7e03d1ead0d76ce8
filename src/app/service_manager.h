#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/descriptor.h"

namespace itemgate {

// The service manager that started this process, if it is systemd or speaks as it does (sd_notify(3),
// sd_listen_fds(3)). Main thread.

/// Tells the service manager a state, such as "READY=1"; nothing if there is none.
void NotifyServiceManager(const std::string& state);

/// The listening sockets that the service manager opened for this process; they are its own from now on. Once.
[[nodiscard]] std::vector<Descriptor> TakeInheritedSockets();

/// How often the service manager wants to hear "WATCHDOG=1"; nothing if it does not.
[[nodiscard]] std::optional<Duration> WatchdogInterval();

}  // namespace itemgate
