#pragma once

#include <string>
#include <string_view>

#include "itemgate/error.h"
#include "net/tcp.h"

namespace itemgate::client {

/// Where a server is: "http://host:port/prefix".
struct ServerUrl {
  Endpoint endpoint;
  std::string authority;  // for the field Host
  std::string prefix;     // "/prefix", without a slash at its end; or empty

  /// As a person would write it.
  [[nodiscard]] std::string ToString() const { return "http://" + authority + prefix; }

  /// "http://host:port/prefix"; what may be left out: "http://", the port (80), the prefix. Fails with
  /// kInvalidArgument, also for https.
  [[nodiscard]] static Result<ServerUrl> Parse(std::string_view text);
};

}  // namespace itemgate::client
