#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "load/batch_answer.h"
#include "load/connection.h"
#include "load/contents.h"
#include "load/pacer.h"
#include "load/precise_timer.h"
#include "load/request_source.h"
#include "load/tally.h"
#include "net/event_loop.h"
#include "net/tcp.h"

namespace itemgate::load {

struct LoadOptions {
  SocketAddress address;
  RequestOptions requests;
  ContentOptions contents;
  int threads = 1;
  std::size_t connections = 64;              // of all threads; at least one for each
  std::size_t pipelined = 1;                 // requests without an answer on a connection
  Duration time = std::chrono::seconds(10);  // in which requests are sent
  std::optional<double> rate;  // open loop: so many requests each second; nothing: closed loop
  Arrivals arrivals = Arrivals::kPoisson;
  Duration budget = std::chrono::seconds(10);  // of a request, from when it was due
  bool tell_budget = false;                    // send it along as Request-Timeout
  std::uint64_t seed = 1;                      // of the arrivals
};

/// How far a load has come. Written by its workers now and then, read by anybody; each number for itself.
struct LiveCounts {
  std::atomic<std::uint64_t> succeeded = 0;
  std::atomic<std::uint64_t> items = 0;
  std::atomic<std::uint64_t> failed = 0;
};

/// One thread's share of a load: its connections, on an event loop of its own.
///
/// Closed loop: each connection sends the next request as soon as it has an answer. Open loop: requests are sent when
/// they are due, on the connection that has been free for longest; if none is free they wait, and their time runs.
/// A connection whose oldest request is not answered well after its budget is closed and made anew, as is one that the
/// server closed; requests are never sent twice.
class Worker final : private ConnectionOwner {
 public:
  struct Share {
    std::size_t index = 0;
    std::size_t count = 1;
  };
  struct Hooks {
    std::stop_token stop;
    /// Called once, when each connection is made or has failed, with the number of those that are made: waits for the
    /// other workers, and tells when the time begins. Nothing: it does not begin.
    std::function<std::optional<Instant>(std::size_t connected)> wait_for_start;
    std::function<void()> tick;  // some twenty times a second; may be empty
  };

  /// The references must outlive the worker.
  Worker(const LoadOptions& options, const Contents& contents, Share share, const Clock& clock);
  ~Worker() override;

  /// Blocks until all that was sent is answered or given up. Once.
  void Run(Hooks hooks);

  // When Run has returned:
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] std::size_t contents_taken() const { return source_.taken(); }
  /// The part of the time in which its thread was computing, from 0 to 1.
  [[nodiscard]] double busy() const { return busy_; }
  /// When sending ended.
  [[nodiscard]] Instant end() const { return end_; }

  [[nodiscard]] const LiveCounts& live() const { return live_; }

 private:
  enum class Phase : std::uint8_t { kConnecting, kSending, kEnding, kEnded };
  struct Slot;

  void Connected(Connection& connection) override;
  void AnswerBody(Connection& connection, const Answer& answer, std::string_view piece) override;
  void Answered(Connection& connection, const Answer& answer, const SentRequest& request,
                Instant now) override;
  void ReadDone(Connection& connection, Instant now) override;
  void Lost(Connection& connection, const Error& why, std::size_t unanswered) override;

  void ConnectAll();
  void StartWhenConnected();
  void Start(Instant now);
  [[nodiscard]] bool IsOpenLoop() const { return options_.rate.has_value(); }
  /// Closed loop: fills the connection with requests.
  void Fill(Connection& connection, Instant now);
  /// Open loop: sends what is due.
  void Dispatch(Instant now);
  /// Appends one request; false at the end of the contents.
  [[nodiscard]] bool Append(Connection& connection, Instant due, Instant now);
  void Offer(Connection& connection, Instant now);
  void ArmTimer(Instant now);
  void Tick();
  void GiveUpOverdue(Instant now);
  void EndSending(Instant now);
  void EndWhenAnswered();
  void Publish();

  const LoadOptions& options_;
  const Clock& clock_;
  const Share share_;
  EventLoop loop_;
  std::unique_ptr<PreciseTimer> timer_;  // of the open loop
  RequestSource source_;
  std::vector<char> read_buffer_;
  const Connection::Shared shared_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::deque<Connection*> free_;        // open loop: those with room, in the order of their turn
  std::vector<Connection*> unflushed_;  // open loop: those with requests that were only appended
  Hooks hooks_;
  Phase phase_ = Phase::kConnecting;
  std::size_t settled_ = 0;  // connections that are made or have failed, before the start
  Instant connecting_since_{};
  Instant start_{};
  Instant end_{};
  std::optional<Pacer> pacer_;
  std::optional<Instant> armed_for_;  // when the timer wakes the loop, if it will
  Instant free_since_{};              // since then some connection has had room
  std::uint64_t missed_ = 0;          // of the pacer, as far as they are in the tally
  std::size_t unanswered_ = 0;        // of all connections
  Duration cpu_at_start_{};
  double busy_ = 0;
  Tally tally_;
  LiveCounts live_;
};

}  // namespace itemgate::load
