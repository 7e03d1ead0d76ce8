#include "backend/http/exchange.h"

#include <algorithm>
#include <utility>

namespace itemgate::backend {

void Exchange::Begin(const Call& call) {
  using Expect = http::ResponseParser::Expect;
  call_ = &call;
  sent_ = 0;
  keeps_connection_ = false;
  parser_.Begin(call.kind == Call::Kind::kFind ? Expect::kHeadOnly : Expect::kBody);
}

std::array<std::string_view, 2> Exchange::Output() const {
  const std::size_t of_head = std::min(sent_, call_->head.size());
  return {std::string_view(call_->head).substr(of_head), call_->body.substr(sent_ - of_head)};
}

std::optional<Verdict> Exchange::Receive(std::string_view bytes) {
  const auto taken = parser_.Feed(bytes);
  if (!taken) return GiveUp("the backend's answer cannot be taken: " + taken.error().message);
  parser_.DropBody();
  if (!parser_.is_complete()) return std::nullopt;
  // What follows an answer that was complete belongs to no call.
  keeps_connection_ = parser_.keep_alive() && all_sent() && *taken == bytes.size();
  return Complete();
}

Verdict Exchange::PeerClosed() {
  if (const auto ended = parser_.FeedEnd(); !ended)
    return GiveUp("the backend closed the connection without a whole answer");
  return Complete();
}

Verdict Exchange::GiveUp(std::string why) const {
  if (sent_ == 0) return Fail(ErrorCode::kFailed, std::move(why) + "; nothing was sent");
  return Fail(ErrorCode::kUnknown, std::move(why));
}

Verdict Exchange::Complete() const {
  Verdict verdict = MeaningOf(call_->kind, parser_);
  if (verdict && !all_sent())
    return GiveUp("the backend answered before it had the whole of the item");
  return verdict;
}

}  // namespace itemgate::backend
