#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/application.h"
#include "http/body_reader.h"
#include "http/connection_context.h"
#include "http/request_parser.h"

namespace itemgate::http {

class ConnectionStream;

/// The logic of one connection, without a socket: bytes in, calls of the application, bytes out.
///
/// On its loop's thread only. Its owner brings what the socket brings, sends Output, looks at wants_input and closing
/// after each call, and calls Tick a few times a second. Shared by nobody: the pointer to it is a shared one only so
/// that those who owe an answer can see that it is gone. Cost: no allocation for a request that arrives in one piece
/// and is answered at once, beyond what the application does; an idle connection holds no buffer.
class ServerConnection final : public std::enable_shared_from_this<ServerConnection> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// There may be something to send, or input that was held back can be gone on with: call Continue soon, but not
    /// within this call.
    virtual void Touched() = 0;
  };

  enum class Closing : std::uint8_t {
    kNo,
    kAfterOutput,  // send what there is, then close the sending side and call HalfClosed
    kLingering,    // keep reading, so that the peer can see the answer; what comes is dropped
    kNow,          // close
    kReset         // close so that the peer sees that something is missing
  };

  /// `context` and `owner` must outlive it. `peer` is the address without its port.
  ServerConnection(ConnectionContext& context, Owner& owner, std::string peer);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  void Receive(std::string_view bytes);
  /// The peer sends nothing more, but may still read.
  void InputEnded();
  /// Goes on with input that was held back. False if there was nothing to do.
  [[nodiscard]] bool Continue();
  /// Looks after the limits in time.
  void Tick();
  /// Takes no request but those that have arrived, or have begun to, and closes after their answers.
  void Drain();
  /// The connection is gone. Always the owner's last call.
  void Lost();

  /// What is to be sent now; valid until the next call.
  [[nodiscard]] std::string_view Output();
  /// So many bytes of Output are with the kernel.
  void Sent(std::size_t bytes);
  /// All of Output was sent, and nothing more can be done now: tells the stream.
  void OutputDrained();
  void HalfClosed();

  /// An answer that was deferred; nothing if it was dropped. Ignored if the request is not open any more.
  void AnswerDeferred(std::uint64_t sequence, std::optional<Response> response);

  [[nodiscard]] bool wants_input() const;
  [[nodiscard]] Closing closing() const { return closing_; }

 private:
  friend class ConnectionStream;
  class CurrentExchange;

  enum class Reading : std::uint8_t {
    kHead,
    kTurn,       // the message waits until all before it are answered
    kBody,       // gathers a body
    kStream,     // gives a body to a stream
    kAnswering,  // the stream has the whole body and goes on answering
    kDrop,       // the rest of the body of a request that is answered
    kNothing     // no further request will be read
  };

  enum class Last : std::uint8_t { kNo, kYes };  // no request waits behind it

  /// What an answer must know of its request.
  struct Message {
    bool is_head = false;
    bool is_http_1_0 = false;
    bool keep_alive = true;
  };
  /// A request that is not answered, or is before its turn.
  struct Slot {
    Message message;
    std::optional<Response> answer;
  };
  /// A message that did not arrive in one piece.
  struct Held {
    Held(ConnectionContext& in, const Framing& what) : context(in), framing(what) {}
    ~Held() { context.gathered_bytes -= body.size(); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    ConnectionContext& context;
    const Framing framing;
    bool is_streamed = false;
    std::string head;
    std::string body;  // counts in gathered_bytes
  };

  // Input.
  void Process();
  void ProcessPending();
  [[nodiscard]] bool Step();
  [[nodiscard]] bool IsBlocked() const;
  [[nodiscard]] bool HasInput() const;
  [[nodiscard]] bool ReadHead();
  void BeginMessage(std::string_view head, const Framing& framing);
  void HoldMessage(std::string_view head, const Framing& framing, Application::Body kind);
  void BeginHeld();
  [[nodiscard]] bool GatherBody();
  [[nodiscard]] bool DropBody();
  void Handle(std::string_view body);
  void Refuse(Response refusal, const Framing& framing);
  void EndMessage();
  /// `request` as in ProtocolProblem.
  void Fail(const ParseProblem& problem, const Request* request = nullptr);
  /// The request that is held, read anew from its head; null if there is none.
  [[nodiscard]] const Request* HeldRequest();
  void StartReading(Reading what);
  void TickIdle();
  [[nodiscard]] bool IsTooSlow();
  void GiveUp();
  void Conclude();

  // A streamed exchange.
  void OpenStream();
  [[nodiscard]] bool StreamBody();
  void FinishStream();
  void LoseStream();

  // Output.
  [[nodiscard]] std::uint64_t AddSlot(std::optional<Response> answer);
  void Answer(Response response);
  void ReleaseAnswers();
  void AppendAnswer(const Message& message, const Response& response, Last last);
  void AppendHead(const Response& response);
  std::string& OpenOutput();
  [[nodiscard]] std::size_t UnsentBytes() const { return output_.size() - sent_; }
  /// Tells the context how much is unsent here.
  void CountUnsent();
  /// The answer, or another one if too much is unsent already.
  [[nodiscard]] Response Bounded(Response response);
  void Touch();

  ConnectionContext& context_;
  Owner& owner_;
  const std::string peer_;

  std::string pending_;            // input that could not be used yet
  std::size_t pending_begin_ = 0;  // what is before it has been used
  std::string_view input_;         // while processing: what is left to be used
  HeadScanner scanner_;
  BodyReader body_;
  Message message_;  // the one that is being read or streamed
  std::unique_ptr<Held> held_;
  std::unique_ptr<ConnectionStream> stream_;
  Instant reading_since_;  // what `reading_` says; or since it last was as fast as it must be
  std::size_t window_bytes_ = 0;  // received since then
  std::size_t dropped_bytes_ = 0;

  std::vector<Slot> slots_;  // of the requests from first_sequence_ on
  std::uint64_t first_sequence_ = 0;
  std::size_t held_answer_bytes_ = 0;
  std::size_t counted_unsent_bytes_ = 0;  // in the context's count
  bool large_answer_owed_ = false;        // by the last slot, while there is one
  std::string output_;
  std::size_t sent_ = 0;
  Instant write_since_{};  // since when the peer has taken nothing, if there is output

  Reading reading_ = Reading::kHead;
  Closing closing_ = Closing::kNo;
  bool is_processing_ = false;
  bool is_draining_ = false;
  bool input_ended_ = false;
  bool head_begun_ = false;
  bool empty_line_skipped_ = false;
};

}  // namespace itemgate::http
