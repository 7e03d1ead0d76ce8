#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "backend/http/call.h"

namespace itemgate::backend {

/// The calls on one connection, one after the other, without I/O: which bytes to send, and what those that come mean.
///
/// Nothing is ever sent twice. An error before the first byte of a call was sent is kFailed, any later one kUnknown:
/// whether the backend acted on it cannot be known. A successful answer counts only if it is whole, and came after the
/// whole call was sent. An answer's body is not kept. One thread at a time.
class Exchange {
 public:
  /// REQUIRES: no call, or its verdict was given. The call must stay where it is until then.
  void Begin(const Call& call);

  /// What is still to be sent: of the head, then of the body.
  [[nodiscard]] std::array<std::string_view, 2> Output() const;
  void Sent(std::size_t size) { sent_ += size; }
  [[nodiscard]] bool all_sent() const { return sent_ == call_->head.size() + call_->body.size(); }

  // Each gives the verdict if the call is over by it.

  [[nodiscard]] std::optional<Verdict> Receive(std::string_view bytes);
  /// The backend sends no more.
  [[nodiscard]] Verdict PeerClosed();
  /// The connection broke, or could not be made, or time is over.
  [[nodiscard]] Verdict GiveUp(std::string why) const;

  /// After a verdict: the connection may carry another call.
  [[nodiscard]] bool keeps_connection() const { return keeps_connection_; }

 private:
  [[nodiscard]] Verdict Complete() const;

  const Call* call_ = nullptr;
  std::size_t sent_ = 0;
  bool keeps_connection_ = false;
  http::ResponseParser parser_{{.head_bytes_max = 64 << 10, .body_bytes_max = 1 << 20}};
};

}  // namespace itemgate::backend
