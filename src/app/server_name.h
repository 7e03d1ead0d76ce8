#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

namespace itemgate {

/// What a server is called, and where others reach it.
struct ServerName {
  std::string name;
  std::vector<std::string> addresses;
};

/// As the settings say; what they leave open comes from the host's name and from where it listens ("host:port" each, at
/// least one). Asks the system for the host's name.
[[nodiscard]] ServerName NameOfServer(const config::Settings& settings,
                                      const std::vector<std::string>& listens);

}  // namespace itemgate
