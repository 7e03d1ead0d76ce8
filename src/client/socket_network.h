#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "client/network.h"
#include "net/tcp.h"
#include "net/tls.h"

namespace itemgate::client {

/// The network of this machine: TCP, with TLS if that is given; without threads; waits with poll. Of several addresses
/// of the host, the first that takes the connection is used. `clock` must outlive it. REQUIRES: `tls` has a session for
/// the endpoint's host.
[[nodiscard]] std::unique_ptr<Network> MakeSocketNetwork(Endpoint endpoint,
                                                         std::optional<TlsContext> tls,
                                                         const Clock& clock,
                                                         LookUpHost look_up = &ResolveAll);

}  // namespace itemgate::client
