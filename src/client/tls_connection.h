#pragma once

#include <memory>

#include "base/clock.h"
#include "client/network.h"
#include "net/tls.h"

namespace itemgate::client {

/// A connection with TLS over `wire`, after the handshake. Fails with kIo if that does not succeed by the deadline; the
/// message says why, and of what is to be secured nothing was sent.
[[nodiscard]] Result<std::unique_ptr<Connection>> Secure(std::unique_ptr<Connection> wire,
                                                         std::unique_ptr<TlsSession> session,
                                                         Instant deadline);

}  // namespace itemgate::client
