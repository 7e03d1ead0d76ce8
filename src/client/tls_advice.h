#pragma once

#include <optional>
#include <string_view>

#include "client/server_url.h"
#include "itemgate/client.h"
#include "net/tls.h"

namespace itemgate::client {

/// What the connections to that server need for TLS; nothing for http. Reads the files. Fails with kInvalidArgument for
/// an option that is wrong; the message names it as C++ and as the command line have it.
[[nodiscard]] Result<std::optional<TlsContext>> MakeTls(const ClientTlsOptions& options,
                                                        const ServerUrl& url);

/// What to do about a server of http that speaks TLS.
inline constexpr std::string_view kUseHttps =
    "the server speaks TLS on this port: write https:// in its address";

/// Whether what came first of an answer is TLS instead of HTTP: the alert of a server that was not spoken to in TLS.
[[nodiscard]] bool IsTls(std::string_view received);

/// What to do about an answer with which a TLS proxy says that it was not spoken to as it wants; empty if it is none.
[[nodiscard]] std::string_view TlsAdvice(const ServerUrl& url, int status, std::string_view body);

}  // namespace itemgate::client
