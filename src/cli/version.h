#pragma once

#include <string>

namespace itemgate::cli {

/// The program's version, like "0.1.0".
[[nodiscard]] std::string Version();

}  // namespace itemgate::cli
