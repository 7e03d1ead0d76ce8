#pragma once

#include <string>
#include <string_view>

#include "itemgate/error.h"

namespace itemgate {

/// Header lines that whoever runs the service adds to every request to the backend, such as who it is: read from a text
/// of lines "Name: value", and given as they are sent, with CRLF behind each.
///
/// Fails with kInvalidArgument for a text without any, or for a line that is no header, or one that is not theirs to
/// set; the message has the line's number, and never what stands there, for that is a secret.
[[nodiscard]] Result<std::string> ParseBackendFields(std::string_view text);

}  // namespace itemgate
