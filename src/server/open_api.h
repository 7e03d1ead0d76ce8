#pragma once

#include <string>

namespace itemgate::server {

/// The OpenAPI 3.1 document of the routes that the table has.
[[nodiscard]] const std::string& OpenApiDocument();

}  // namespace itemgate::server
