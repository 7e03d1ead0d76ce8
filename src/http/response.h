#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace itemgate::http {

/// An answer to one request. The server adds Date, Content-Length or Transfer-Encoding, and Connection.
struct Response {
  int status = 200;
  std::string fields;  // complete lines, "Name: value\r\n"; use Add
  std::string body;    // left out, but counted, in the answer to HEAD
  bool close = false;  // close the connection after it

  /// Adds a field. Control characters in the value become spaces, so that no value can break the framing.
  Response& Add(std::string_view name, std::string_view value);
  Response& Add(std::string_view name, std::uint64_t value);
};

/// "Not Found" for 404; "Status" for a number without a name.
[[nodiscard]] std::string_view ReasonPhrase(int status);

}  // namespace itemgate::http
