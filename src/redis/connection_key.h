#pragma once

#include <optional>
#include <string_view>

#include "redis/connection_text.h"

namespace itemgate::redis {

/// What is read of a connection text until all of it is: keys may come in any order.
struct ConnectionDraft {
  ConnectionSettings settings;
  bool tls = false;
  TlsOptions tls_options;
  std::optional<Duration> sync_timeout;
  std::optional<Duration> async_timeout;
};

/// Honours or refuses one key; its case does not matter.
[[nodiscard]] Result<void> ApplyConnectionKey(ConnectionDraft& draft, std::string_view key,
                                              std::string_view value);

/// Appends "host", "host:port", "[::1]:port"; an endpoint that is there already is left out. Port 0: to be completed.
[[nodiscard]] Result<void> AddEndpoint(ConnectionDraft& draft, std::string_view text);

/// Completes and checks what depends on several keys; `tls_port` is the default port of a server with TLS.
[[nodiscard]] Result<ConnectionSettings> FinishConnection(ConnectionDraft draft,
                                                          std::uint16_t tls_port);

/// Reads a URI; `text` begins with "redis" and has "://".
[[nodiscard]] Result<ConnectionSettings> ParseConnectionUri(std::string_view text);

}  // namespace itemgate::redis
