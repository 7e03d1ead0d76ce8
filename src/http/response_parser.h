#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/body_reader.h"
#include "http/request.h"
#include "itemgate/error.h"

namespace itemgate::http {

/// Reads HTTP/1.1 responses out of the bytes of a connection, in whatever pieces they come; does no I/O.
///
/// One after the other: Begin, Feed until it is complete, Begin again. Interim responses (1xx) are skipped. The verdict
/// depends on the bytes only, not on how they were split. Memory is kept from one response to the next; a response
/// costs no allocation once strings and vectors have grown. One thread at a time.
class ResponseParser {
 public:
  struct Limits {
    std::size_t head_bytes_max = 64 << 10;  // with the empty line
    std::uint64_t body_bytes_max = 64 << 20;
  };
  enum class Expect {
    kBody,
    kHeadOnly,  // the request was HEAD
  };

  ResponseParser() : ResponseParser(Limits{}) {}
  explicit ResponseParser(const Limits& limits) : limits_(limits) {}
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  /// Forgets the response read last; the next byte fed is the first of another.
  void Begin(Expect expect = Expect::kBody);

  /// Reads on; tells how many of the bytes it took: all of them, or those up to the end of the response. Fails with
  /// kTooLarge at a limit and with kCorrupt for what is not HTTP/1.1; then the connection is of no more use.
  /// REQUIRES: not complete, and no failure since Begin.
  [[nodiscard]] Result<std::size_t> Feed(std::string_view bytes);

  /// The peer has closed the connection, which completes a response of unknown length. Fails with kUnavailable if there
  /// should be more. REQUIRES: as Feed.
  [[nodiscard]] Result<void> FeedEnd();

  /// Of this response something has arrived, be it an interim one.
  [[nodiscard]] bool has_begun() const { return has_begun_; }
  [[nodiscard]] bool has_head() const { return has_head_; }
  [[nodiscard]] bool is_complete() const { return is_complete_; }

  // Of the head. REQUIRES: has_head().
  [[nodiscard]] int status() const { return status_; }
  /// Views that hold until Begin.
  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }
  /// The value of the first field of that name (ASCII case does not count), or nothing.
  [[nodiscard]] std::optional<std::string_view> Find(std::string_view name) const;
  /// The connection may carry another request once this response is complete.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }

  /// What has arrived of the body since Begin or DropBody, without its chunks' framing.
  [[nodiscard]] std::string_view body() const { return body_; }
  [[nodiscard]] std::string TakeBody();
  /// For whoever reads a body in pieces. The limit counts all of them.
  void DropBody() { body_.clear(); }

 private:
  /// Reads up to the end of a head, and has it parsed if that has come.
  [[nodiscard]] Result<void> ReadHead(std::string_view& rest);
  [[nodiscard]] Result<void> ParseHead();
  [[nodiscard]] Result<void> ReadBody(std::string_view& rest);

  const Limits limits_;
  Expect expect_ = Expect::kBody;
  bool has_begun_ = false;
  bool has_head_ = false;
  bool is_complete_ = false;
  bool keep_alive_ = false;
  int status_ = 0;
  std::string head_;  // as far as it has arrived; what the fields look at
  std::vector<Field> fields_;
  BodyReader body_reader_;
  bool ends_with_connection_ = false;  // the body, which then needs no reader
  std::uint64_t room_ = 0;             // how much longer such a body may become
  std::string body_;
};

}  // namespace itemgate::http
