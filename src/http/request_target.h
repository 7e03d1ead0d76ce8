#pragma once

#include <optional>
#include <string_view>

#include "http/request_parser.h"

namespace itemgate::http {

/// Is a host and perhaps a port, or empty: what a Host field may hold.
[[nodiscard]] bool IsAuthority(std::string_view text);

/// Splits the target of a request into path and query. An absolute one ("http://host/path") is accepted if its
/// authority is that of the Host field; else 421.
[[nodiscard]] std::optional<ParseProblem> ParseTarget(std::string_view target,
                                                      std::string_view host, Request& request);

}  // namespace itemgate::http
