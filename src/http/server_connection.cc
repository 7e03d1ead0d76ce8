#include "http/server_connection.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/connection_stream.h"

namespace itemgate::http {
namespace {

constexpr ParseProblem kTooLarge{
    413, "too-large", "The body is larger than what is accepted here: send less at a time."};
constexpr ParseProblem kOverloaded{
    503, "overloaded",
    "Too many bodies are being received; nothing was begun. Send it again later."};
constexpr ParseProblem kTooSlow{408, "timeout", "The request came too slowly."};

constexpr std::size_t kDropBytesMax = 64
                                      << 10;  // of a body that nobody wants, to keep the connection
constexpr std::size_t kLingerBytesMax = 8 << 20;  // after the last answer
constexpr Duration kLingerTimeMax = std::chrono::seconds(2);
constexpr std::size_t kReserveBytesMax = 64 << 10;  // for a body that is only declared

}  // namespace

ServerConnection::ServerConnection(ConnectionContext& context, Owner& owner, std::string peer)
    : context_(context), owner_(owner), peer_(std::move(peer)), reading_since_(context.now) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::Receive(std::string_view bytes) {
  window_bytes_ += bytes.size();
  if (closing_ != Closing::kNo) {
    if (closing_ == Closing::kLingering && window_bytes_ > kLingerBytesMax)
      closing_ = Closing::kNow;
    return;
  }
  if (!pending_.empty()) {
    pending_.append(bytes);
    return ProcessPending();
  }
  input_ = bytes;
  Process();
  pending_.assign(input_);
  input_ = {};
}

void ServerConnection::InputEnded() {
  input_ended_ = true;
  if (closing_ == Closing::kLingering) closing_ = Closing::kNow;
  ProcessPending();
}

bool ServerConnection::Continue() {
  const bool has_work = !pending_.empty() || held_ != nullptr || stream_ != nullptr ||
                        input_ended_ || is_draining_ || reading_ == Reading::kNothing;
  if (!has_work || closing_ != Closing::kNo) return false;
  ProcessPending();
  return UnsentBytes() > 0;
}

void ServerConnection::ProcessPending() {
  input_ = std::string_view(pending_).substr(pending_begin_);
  Process();
  pending_begin_ = pending_.size() - input_.size();
  input_ = {};
  if (pending_begin_ == pending_.size()) {
    std::string().swap(pending_);
    pending_begin_ = 0;
  } else if (pending_begin_ > pending_.size() / 2) {
    pending_.erase(0, pending_begin_);
    pending_begin_ = 0;
  }
}

void ServerConnection::Process() {
  is_processing_ = true;
  while (closing_ == Closing::kNo && Step()) {
  }
  Conclude();
  if (closing_ != Closing::kNo || reading_ == Reading::kNothing) input_ = {};
  is_processing_ = false;
}

// Nothing more can be done with what has arrived: is this the end?
void ServerConnection::Conclude() {
  if (closing_ != Closing::kNo) return;
  if (input_ended_ && !IsBlocked()) {
    if (stream_ != nullptr) {
      closing_ = Closing::kNow;
      return;
    }
    held_.reset();
    reading_ = Reading::kNothing;
  }
  if (is_draining_ && reading_ == Reading::kHead && !HasInput()) reading_ = Reading::kNothing;
  if (reading_ == Reading::kNothing && slots_.empty()) closing_ = Closing::kAfterOutput;
}

bool ServerConnection::HasInput() const {
  return is_processing_ ? !input_.empty() : pending_.size() > pending_begin_;
}

bool ServerConnection::IsBlocked() const {
  if (reading_ == Reading::kNothing) return false;
  if (UnsentBytes() + held_answer_bytes_ >= context_.limits.unsent_bytes_max) return true;
  switch (reading_) {
    case Reading::kHead:
      return slots_.size() >= (large_answer_owed_ ? 1 : context_.limits.pipelined_max);
    case Reading::kTurn:
      return !slots_.empty();
    case Reading::kStream:
      return stream_->is_paused();
    case Reading::kAnswering:
      return true;
    default:
      return false;
  }
}

bool ServerConnection::wants_input() const {
  if (input_ended_) return false;
  if (closing_ == Closing::kLingering) return true;
  return closing_ == Closing::kNo && reading_ != Reading::kNothing && !IsBlocked();
}

bool ServerConnection::Step() {
  if (stream_ != nullptr && stream_->is_finished()) {
    FinishStream();
    return true;
  }
  if (IsBlocked()) return false;
  switch (reading_) {
    case Reading::kHead:
      return ReadHead();
    case Reading::kTurn:
      BeginHeld();
      return true;
    case Reading::kBody:
      return GatherBody();
    case Reading::kStream:
      return StreamBody();
    case Reading::kDrop:
      return DropBody();
    default:
      return false;
  }
}

void ServerConnection::StartReading(Reading what) {
  reading_ = what;
  reading_since_ = context_.now;
  window_bytes_ = 0;
}

bool ServerConnection::ReadHead() {
  if (input_.empty()) return false;
  if (!empty_line_skipped_) {  // one is ignored, as RFC 9112 asks, and begins nothing
    if (input_ == "\r") return false;
    empty_line_skipped_ = true;
    if (input_.starts_with("\r\n")) input_.remove_prefix(2);
    if (input_.empty()) return false;
  }
  if (!head_begun_) {
    head_begun_ = true;
    StartReading(Reading::kHead);
    scanner_ = {};
    message_ = {};
  }
  std::size_t length = context_.heads.Recognize(input_);
  if (length == 0) {
    const auto scanned = scanner_.Scan(input_, context_.limits);
    if (!scanned) {
      Fail(scanned.error());
      return true;
    }
    if (!scanned->has_value()) return false;
    length = **scanned;
  }
  const std::string_view head = input_.substr(0, length);
  input_.remove_prefix(head.size());
  head_begun_ = empty_line_skipped_ = false;

  const auto framing = context_.heads.Read(head);
  message_.is_head = context_.heads.request().method == Method::kHead;
  if (!framing) {
    Fail(framing.error());
  } else {
    BeginMessage(head, *framing);
  }
  return true;
}

void ServerConnection::BeginMessage(std::string_view head, const Framing& framing) {
  const Request& request = context_.heads.request();
  context_.counters.requests.Add(1);
  message_ = {.is_head = request.method == Method::kHead,
              .is_http_1_0 = request.http_1_0,
              .keep_alive = framing.keep_alive};
  Application::Plan plan = context_.application.Receive(request, peer_);
  if (plan.refusal) return Refuse(*std::move(plan.refusal), framing);
  if (framing.content_length > plan.body_bytes_max) return Fail(kTooLarge, &request);
  large_answer_owed_ = plan.large_answer;

  body_ = BodyReader(framing, plan.body_bytes_max);
  const bool is_whole = plan.body == Application::Body::kWhole && !framing.chunked &&
                        input_.size() >= framing.content_length;
  if (!is_whole || (framing.expects_continue && framing.has_body())) {
    return HoldMessage(head, framing, plan.body);
  }
  const std::string_view body = input_.substr(0, framing.content_length);
  input_.remove_prefix(body.size());
  Handle(body);
}

void ServerConnection::HoldMessage(std::string_view head, const Framing& framing,
                                   Application::Body kind) {
  held_ = std::make_unique<Held>(context_, framing);
  held_->is_streamed = kind == Application::Body::kStreamed;
  held_->head = head;
  const bool needs_turn = held_->is_streamed || framing.expects_continue;
  StartReading(needs_turn ? Reading::kTurn : Reading::kBody);
}

void ServerConnection::BeginHeld() {
  if (held_->framing.expects_continue && held_->framing.has_body()) {
    OpenOutput() += "HTTP/1.1 100 Continue\r\n\r\n";
  }
  if (held_->is_streamed) return OpenStream();
  StartReading(Reading::kBody);
}

bool ServerConnection::GatherBody() {
  held_->body.reserve(std::min<std::uint64_t>(held_->framing.content_length, kReserveBytesMax));
  while (!body_.is_complete()) {
    const auto piece = body_.Next(input_);
    if (!piece) {
      Fail(piece.error(), HeldRequest());
      return true;
    }
    held_->body += *piece;
    context_.gathered_bytes += piece->size();
    if (context_.gathered_bytes > context_.limits.gathered_bytes_max) {
      Fail(kOverloaded, HeldRequest());
      return true;
    }
    if (piece->empty() && !body_.is_complete()) return false;
  }
  static_cast<void>(HeldRequest());
  const std::unique_ptr<Held> held = std::move(held_);
  Handle(held->body);
  return true;
}

const Request* ServerConnection::HeldRequest() {
  if (held_ == nullptr) return nullptr;
  const bool is_sound = context_.heads.Read(held_->head).has_value();
  ITEMGATE_CHECK(is_sound);  // it was before
  return &context_.heads.request();
}

bool ServerConnection::DropBody() {
  const std::size_t before = input_.size();
  const auto piece = body_.Next(input_);
  dropped_bytes_ += before - input_.size();
  if (!piece || dropped_bytes_ > kDropBytesMax) {
    StartReading(Reading::kNothing);
    return false;
  }
  if (body_.is_complete()) EndMessage();
  return !input_.empty();
}

void ServerConnection::EndMessage() {
  StartReading(message_.keep_alive ? Reading::kHead : Reading::kNothing);
}

void ServerConnection::Refuse(Response refusal, const Framing& framing) {
  const bool can_drop = !framing.expects_continue && framing.content_length <= kDropBytesMax;
  // Its body is all that is still to come, so nothing will be read behind it.
  const bool is_last = is_draining_ && (framing.chunked || input_.size() <= framing.content_length);
  if (!message_.keep_alive || (framing.has_body() && (!can_drop || is_last))) refusal.close = true;
  body_ = BodyReader(framing, kDropBytesMax);
  dropped_bytes_ = 0;
  StartReading(framing.has_body() ? Reading::kDrop : Reading::kHead);
  Answer(std::move(refusal));
}

void ServerConnection::Fail(const ParseProblem& problem, const Request* request) {
  context_.counters.protocol_errors.Add(1);
  StartReading(Reading::kNothing);
  message_.keep_alive = false;
  Response response = context_.application.Problem({.status = problem.status,
                                                    .code = problem.code,
                                                    .detail = problem.detail,
                                                    .peer = peer_,
                                                    .request = request});
  held_.reset();
  if (problem.status == 405) response.Add("Allow", "");
  if (problem.status == 503) response.Add("Retry-After", std::uint64_t{1});
  Answer(std::move(response));
}

void ServerConnection::Tick() {
  const Instant now = context_.now;
  if (closing_ == Closing::kLingering) {
    if (now - reading_since_ > kLingerTimeMax) closing_ = Closing::kNow;
    return;
  }
  if (UnsentBytes() > 0 && now - write_since_ > context_.limits.write_time_max) {
    closing_ = Closing::kReset;
  }
  if (closing_ != Closing::kNo) return;
  if (IsBlocked()) return StartReading(reading_);  // it is us who hold it back

  if (reading_ == Reading::kHead && !head_begun_) {
    TickIdle();
  } else if (IsTooSlow()) {
    GiveUp();
  }
  Conclude();
}

void ServerConnection::GiveUp() {
  if (reading_ == Reading::kDrop) return StartReading(Reading::kNothing);  // answered already
  LoseStream();
  if (closing_ == Closing::kNo) Fail(kTooSlow, HeldRequest());
}

void ServerConnection::TickIdle() {
  if (!slots_.empty() || UnsentBytes() > 0) {
    StartReading(reading_);
  } else if (context_.now - reading_since_ > context_.limits.idle_time_max) {
    closing_ = Closing::kNow;
  }
}

bool ServerConnection::IsTooSlow() {
  const ServerLimits& limits = context_.limits;
  const Duration elapsed = context_.now - reading_since_;
  switch (reading_) {
    case Reading::kHead:
      return elapsed > limits.head_time_max;
    case Reading::kStream:  // may be slow, but not silent
      if (window_bytes_ == 0) return elapsed > limits.idle_time_max;
      StartReading(reading_);
      return false;
    case Reading::kBody:
    case Reading::kDrop: {
      if (elapsed < limits.body_grace) return false;
      const double seconds = std::chrono::duration<double>(elapsed).count();
      const double wanted = seconds * static_cast<double>(limits.body_rate_min);
      if (static_cast<double>(window_bytes_) < wanted) return true;
      StartReading(reading_);
      return false;
    }
    default:
      return false;
  }
}

void ServerConnection::Drain() {
  is_draining_ = true;
  const bool is_idle = reading_ == Reading::kHead && !HasInput() && slots_.empty();
  if (is_idle && closing_ == Closing::kNo) {
    closing_ = UnsentBytes() > 0 ? Closing::kAfterOutput : Closing::kNow;
  }
  if (stream_ != nullptr && !stream_->is_finished()) stream_->handler()->Draining();
}

void ServerConnection::Lost() {
  closing_ = Closing::kNow;
  slots_.clear();
  held_answer_bytes_ = 0;
  output_.clear();
  sent_ = 0;
  CountUnsent();
  if (stream_ == nullptr) return;
  const std::unique_ptr<ConnectionStream> stream = std::move(stream_);
  if (!stream->is_finished()) stream->handler()->Closed();
}

void ServerConnection::HalfClosed() {
  StartReading(Reading::kNothing);
  closing_ = input_ended_ ? Closing::kNow : Closing::kLingering;
}

void ServerConnection::Touch() {
  if (!is_processing_) owner_.Touched();
}

}  // namespace itemgate::http
