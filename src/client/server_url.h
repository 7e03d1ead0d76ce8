#pragma once

#include <string>
#include <string_view>

#include "itemgate/error.h"
#include "net/tcp.h"

namespace itemgate::client {

/// Where a server is: "http://host:port/prefix", or https.
struct ServerUrl {
  enum class Schemes { kHttp, kHttpOrHttps };

  bool is_https = false;
  Endpoint endpoint;
  std::string authority;  // for the field Host
  std::string prefix;     // "/prefix", without a slash at its end; or empty

  /// As a person would write it.
  [[nodiscard]] std::string ToString() const {
    return (is_https ? "https://" : "http://") + authority + prefix;
  }

  /// "http://host:port/prefix"; what may be left out: "http://", the port (80, or 443), the prefix. Fails with
  /// kInvalidArgument, also for a scheme that is not wanted.
  [[nodiscard]] static Result<ServerUrl> Parse(std::string_view text,
                                               Schemes schemes = Schemes::kHttpOrHttps);
};

}  // namespace itemgate::client
