#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "itemgate/error.h"
#include "load/answer_scanner.h"
#include "load/tally.h"
#include "net/descriptor.h"
#include "net/event_loop.h"
#include "net/tcp.h"

namespace itemgate::load {

class Connection;

/// What a connection tells the one that uses it. On the loop's thread. A connection may be closed and connected anew
/// from within Lost only.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;

  virtual void Connected(Connection& connection) = 0;
  /// A piece of the body of the oldest request's answer, then its end.
  virtual void AnswerBody(Connection& connection, const Answer& answer, std::string_view piece) = 0;
  virtual void Answered(Connection& connection, const Answer& answer, const SentRequest& request,
                        Instant now) = 0;
  /// All answers of one read were told: the moment to send more.
  virtual void ReadDone(Connection& connection, Instant now) = 0;
  /// The connection is closed, or could not be made (kUnavailable); what it sent was not HTTP (kInvalidArgument).
  /// `unanswered` are the requests without an answer.
  virtual void Lost(Connection& connection, const Error& why, std::size_t unanswered) = 0;
};

/// One keep-alive connection of a load generator: bytes of requests out, answers in, in order.
///
/// Belongs to its loop's thread. One write for all requests that were appended since the last, one read for all answers
/// that came. Allocates nothing per request once its buffers have grown.
class Connection final : private ReadinessHandler, private AnswerSink {
 public:
  /// What the connections of a loop share; all of it must outlive them.
  struct Shared {
    EventLoop& loop;
    const Clock& clock;
    ConnectionOwner& owner;
    SocketAddress address;
    std::size_t pipelined_max;    // requests without an answer
    std::span<char> read_buffer;  // used within one call only
  };

  Connection(const Shared& shared, std::size_t index);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Begins to connect; Connected or Lost follows, from the loop. REQUIRES: closed.
  void Connect();
  /// Closes it; what is unanswered is forgotten, and Lost is not called.
  void Close();

  /// Where to append requests; after each one AddSent, and after the last one Flush.
  [[nodiscard]] std::string& output() { return output_; }
  /// REQUIRES: HasRoom().
  void AddSent(const SentRequest& request);
  /// Sends what was appended. If the connection turns out to be gone, Lost comes later, from the loop.
  void Flush();

  [[nodiscard]] bool is_closed() const { return !socket_.is_open(); }
  [[nodiscard]] bool is_connected() const { return connected_; }
  [[nodiscard]] bool HasRoom() const { return connected_ && waiting_count_ < waiting_.size(); }
  [[nodiscard]] std::size_t unanswered() const { return waiting_count_; }
  /// REQUIRES: unanswered() > 0.
  [[nodiscard]] const SentRequest& oldest() const { return waiting_[waiting_first_]; }
  [[nodiscard]] std::size_t index() const { return index_; }

 private:
  void Ready(Readiness readiness) override;
  void BodyArrived(const Answer& answer, std::string_view piece) override;
  void AnswerEnded(const Answer& answer) override;

  void FinishConnecting();
  void Read();
  void Lose(const Error& why);
  void WatchFor(Readiness wanted);

  const Shared& shared_;
  const std::size_t index_;
  Descriptor socket_;
  bool connected_ = false;
  Readiness watched_ = Readiness::kNone;
  AnswerScanner scanner_{*this};
  bool closes_ = false;   // the server has announced that it will close it
  bool unasked_ = false;  // an answer came to nothing
  Instant read_at_{};     // of the read whose answers are being told
  std::string output_;    // appended, from output_sent_ on not yet with the kernel
  std::size_t output_sent_ = 0;
  std::vector<SentRequest> waiting_;  // a ring
  std::size_t waiting_first_ = 0;
  std::size_t waiting_count_ = 0;
};

}  // namespace itemgate::load
