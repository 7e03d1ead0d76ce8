#include "http/connection_stream.h"

#include <array>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace itemgate::http {
namespace {

// The size of a chunk is written when it is known: room for it, of a fixed width.
constexpr std::string_view kSizeRoom = "00000000\r\n";
constexpr std::size_t kSizeDigits = 8;
constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace

void ConnectionStream::Begin(Response head) {
  ITEMGATE_CHECK(state_ == State::kWaiting);
  state_ = State::kBegun;
  ServerConnection::Message& message = connection_.message_;
  if (head.close || message.is_http_1_0 || connection_.is_draining_) message.keep_alive = false;
  connection_.AppendHead(head);
  if (is_chunked()) connection_.output_ += "Transfer-Encoding: chunked\r\n";
  connection_.output_ += message.keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  has_written_ = true;
  connection_.Touch();
}

void ConnectionStream::Write(std::string_view piece) {
  ITEMGATE_CHECK(state_ == State::kBegun);
  if (connection_.message_.is_head || piece.empty()) return;
  std::string& out = connection_.OpenOutput();
  if (is_chunked() && !has_open_chunk_) {
    has_open_chunk_ = true;
    chunk_begin_ = out.size();
    out += kSizeRoom;
  }
  out += piece;
  has_written_ = true;
  connection_.Touch();
}

void ConnectionStream::CloseChunk() {
  if (!has_open_chunk_) return;
  has_open_chunk_ = false;
  std::string& out = connection_.output_;
  std::size_t size = out.size() - chunk_begin_ - kSizeRoom.size();
  for (std::size_t i = kSizeDigits; i > 0; --i, size >>= 4) {
    out[chunk_begin_ + i - 1] = "0123456789abcdef"[size & 0xF];
  }
  out += "\r\n";
}

void ConnectionStream::End() {
  ITEMGATE_CHECK(state_ == State::kBegun);
  state_ = State::kEnded;
  CloseChunk();
  if (is_chunked() && !connection_.message_.is_head) connection_.OpenOutput() += kLastChunk;
  connection_.Touch();
}

void ConnectionStream::Abort() {
  state_ = State::kAborted;
  CloseChunk();
  connection_.Touch();
}

void ConnectionStream::ResumeBody() {
  is_paused_ = false;
  connection_.Touch();
}

void ConnectionStream::Drained() {
  if (!has_written_ || is_finished()) return;
  has_written_ = false;
  handler_->OutputDrained();
}

void ServerConnection::OpenStream() {
  static_cast<void>(HeldRequest());
  const std::unique_ptr<Held> held = std::move(held_);
  ++first_sequence_;
  StartReading(Reading::kStream);
  stream_ = std::make_unique<ConnectionStream>(*this);
  stream_->SetHandler(context_.application.Open(context_.heads.request(), *stream_));
  ITEMGATE_CHECK(stream_->is_finished() || stream_->handler() != nullptr);
  if (is_draining_ && !stream_->is_finished()) stream_->handler()->Draining();
}

bool ServerConnection::StreamBody() {
  if (body_.is_complete()) {
    reading_ = Reading::kAnswering;
    stream_->handler()->BodyEnded();
    return true;
  }
  const auto piece = body_.Next(input_);
  if (!piece) {
    LoseStream();
    if (closing_ == Closing::kNo) Fail(piece.error());
    return true;
  }
  if (piece->empty() && !body_.is_complete()) return false;
  if (!piece->empty()) stream_->handler()->BodyArrived(*piece);
  return true;
}

// Ends the stream from our side. What was begun cannot be answered in another way: then the connection closes.
void ServerConnection::LoseStream() {
  if (stream_ == nullptr) return;
  const std::unique_ptr<ConnectionStream> stream = std::move(stream_);
  stream->CloseChunk();
  if (stream->has_begun()) {
    closing_ = stream->is_chunked() ? Closing::kAfterOutput : Closing::kReset;
  }
  if (!stream->is_finished()) stream->handler()->Closed();
}

void ServerConnection::FinishStream() {
  const std::unique_ptr<ConnectionStream> stream = std::move(stream_);
  if (stream->is_aborted()) {
    const bool is_visible = stream->is_chunked() || !stream->has_begun();
    closing_ = is_visible ? Closing::kAfterOutput : Closing::kReset;
  } else if (body_.is_complete()) {
    EndMessage();
  } else {
    dropped_bytes_ = 0;
    StartReading(is_draining_ ? Reading::kNothing : Reading::kDrop);
  }
}

void ServerConnection::OutputDrained() {
  if (stream_ != nullptr && UnsentBytes() == 0) stream_->Drained();
}

}  // namespace itemgate::http
