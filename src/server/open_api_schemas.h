#pragma once

#include <string_view>

namespace itemgate::server {

/// The components of the OpenAPI document: the schemas, headers and parameters that the routes refer to, as JSON.
[[nodiscard]] std::string_view OpenApiComponents();

}  // namespace itemgate::server
