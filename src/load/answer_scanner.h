#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "itemgate/error.h"
#include "load/outcomes.h"

namespace itemgate::load {

/// What counts of an HTTP answer.
struct Answer {
  int status = 0;
  std::optional<ItemOutcome> outcome;  // of the field Item-Outcome
  bool closes = false;                 // the server closes the connection after it
};

/// Is told what a scanner finds.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  /// A piece of the body of the answer whose head was scanned last. Valid during the call.
  virtual void BodyArrived(const Answer& answer, std::string_view piece) = 0;
  virtual void AnswerEnded(const Answer& answer) = 0;
};

/// Finds the answers in what a keep-alive HTTP/1.1 connection receives, in pieces of any size.
///
/// Looks only at what a load generator needs: the status line, the framing (Content-Length or chunked) and four fields;
/// so it is several times quicker than a parser, and no judge of whether a server keeps to HTTP. One thread. Fails with
/// kInvalidArgument on what it cannot follow; then the connection is of no further use. Allocates only when a head
/// comes in several pieces.
class AnswerScanner {
 public:
  /// `sink` must outlive the scanner.
  explicit AnswerScanner(AnswerSink& sink) : sink_(sink) {}

  [[nodiscard]] Result<void> Consume(std::string_view bytes);

  /// Forgets everything: for a new connection.
  void Restart();

 private:
  enum class State : std::uint8_t { kHead, kBody, kChunkSize, kChunk, kChunkEnd, kTrailer };

  /// Takes what it can off the front of `bytes`; false if more is needed first.
  [[nodiscard]] Result<bool> Step(std::string_view& bytes);
  [[nodiscard]] Result<bool> TakeHead(std::string_view& bytes);
  [[nodiscard]] Result<void> TakeField(std::string_view line);
  [[nodiscard]] Result<void> BeginBody();
  [[nodiscard]] Result<bool> TakeChunkSize(std::string_view& bytes);
  [[nodiscard]] Result<bool> TakeLine(std::string_view& bytes);
  [[nodiscard]] bool TakeBody(std::string_view& bytes);
  void End();

  AnswerSink& sink_;
  State state_ = State::kHead;
  Answer answer_;
  bool chunked_ = false;
  std::optional<std::uint64_t> length_;
  std::uint64_t body_left_ = 0;  // of the body, or of the chunk
  std::string rest_;             // of a head or line that has not come as a whole
};

}  // namespace itemgate::load
