#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "http/limits.h"
#include "http/request.h"

namespace itemgate::http {

/// Why a request is not acceptable as HTTP/1.1, and how that is answered. The text is static: nothing of the request.
struct ParseProblem {
  int status = 400;
  std::string_view code;
  std::string_view detail;
};

/// What a head says about the bytes that follow it.
struct Framing {
  std::uint64_t content_length = 0;
  bool chunked = false;
  bool keep_alive = true;  // the client wants to send another request on this connection
  bool expects_continue = false;

  [[nodiscard]] bool has_body() const { return chunked || content_length > 0; }
};

/// Finds where a request's head ends, over as many reads as it takes, and refuses as early as the bytes allow it what
/// cannot be a head: another protocol, bare line feeds, folded lines, what exceeds a limit.
///
/// The verdict depends on the bytes only, not on how they were split. Cost: each byte is looked at once.
class HeadScanner {
 public:
  /// `input` begins with the head's first byte and grows from call to call. The length of the head with its empty line;
  /// nothing if more must arrive.
  [[nodiscard]] std::expected<std::optional<std::size_t>, ParseProblem> Scan(
      std::string_view input, const ServerLimits& limits);

 private:
  [[nodiscard]] bool IsMethodSound(std::string_view input);

  std::size_t line_ = 0;     // where the line begins that is not complete yet
  std::size_t scanned_ = 0;  // no line ends before it
  std::size_t method_ = 0;   // how many bytes of the method are sound
  std::size_t field_count_ = 0;
  bool method_complete_ = false;
};

/// Reads a head that HeadScanner accepted. `request` gets views into `head`; its memory is used again.
///
/// Stricter than RFC 9112 asks: one Content-Length at most, of digits; Transfer-Encoding is one `chunked` or refused;
/// never both; one Host, which an absolute target must agree with.
[[nodiscard]] std::expected<Framing, ParseProblem> ParseHead(std::string_view head,
                                                             Request& request);

/// Reads heads one after the other and remembers the last one. Those of one sender are mostly the same, byte for byte,
/// and say the same then: such a head is compared, and neither scanned nor parsed again, and what the application has
/// found out about it (Request::finding) is kept.
class HeadReader {
 public:
  /// How long the head is that `input` begins with, if it is the remembered one; else 0.
  [[nodiscard]] std::size_t Recognize(std::string_view input) const {
    return input.starts_with(head_) ? head_.size() : 0;
  }

  /// As ParseHead, of a copy of `head`: what request() refers to is valid until the next one is read.
  [[nodiscard]] std::expected<Framing, ParseProblem> Read(std::string_view head);

  [[nodiscard]] const Request& request() const { return request_; }

 private:
  std::string head_;  // empty if it could not be parsed
  Framing framing_;
  Request request_;  // its memory is used again
};

}  // namespace itemgate::http
