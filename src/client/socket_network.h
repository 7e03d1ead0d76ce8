#pragma once

#include <memory>

#include "base/clock.h"
#include "client/network.h"
#include "net/tcp.h"

namespace itemgate::client {

/// The network of this machine: TCP, without threads; waits with poll. `clock` must outlive it.
[[nodiscard]] std::unique_ptr<Network> MakeSocketNetwork(Endpoint endpoint, const Clock& clock);

}  // namespace itemgate::client
