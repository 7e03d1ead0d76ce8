#pragma once

#include <string>
#include <string_view>

namespace itemgate {

/// True for what libpq takes as a connection URI: "postgres://…", "postgresql://…".
[[nodiscard]] bool IsPostgresUrl(std::string_view text);

/// The URL without its passwords, for people and logs; any other text as it is.
[[nodiscard]] std::string WithoutPassword(std::string_view url);

}  // namespace itemgate
