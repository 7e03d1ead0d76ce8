#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/server_connection.h"
#include "testing/manual_executor.h"

namespace itemgate::http {

/// For tests and fuzzers: answers each request with what it saw of it, at once or when a test says so.
///
/// By path: "/refused" is refused with 404, "/refused-and-closed" as well and closes; "/small" takes 10 bytes; "/later"
/// is deferred; "/stream" is streamed, and its handler is in `streams`.
class ScriptedApplication final : public Application {
 public:
  /// What became of a streamed exchange.
  struct Streamed final : StreamHandler {
    explicit Streamed(Stream& exchange) : stream(exchange) {}

    void BodyArrived(std::string_view piece) override {
      body += piece;
      if (pauses) stream.PauseBody();
      if (echoes) stream.Write(piece);
    }
    void BodyEnded() override {
      body_ended = true;
      if (echoes) stream.End();
    }
    void OutputDrained() override { ++drained_count; }
    void Draining() override { draining = true; }
    void Closed() override { closed = true; }

    Stream& stream;
    std::string body;
    bool pauses = false;
    bool echoes = false;  // answers with the body, and ends with it
    bool body_ended = false;
    bool draining = false;
    bool closed = false;
    int drained_count = 0;
  };

  [[nodiscard]] Plan Receive(const Request& request, std::string_view /*peer*/) override {
    Plan plan{.body_bytes_max = body_bytes_max};
    if (request.path.starts_with("/refused")) {
      plan.refusal = Response{.status = 404, .body = "refused"};
      plan.refusal->close = request.path == "/refused-and-closed";
    }
    if (request.path == "/small") plan.body_bytes_max = 10;
    if (request.path.starts_with("/stream")) plan.body = Body::kStreamed;
    plan.large_answer = request.path == "/large";
    return plan;
  }

  void Handle(Exchange& exchange) override {
    const Request& request = exchange.request();
    std::string seen(request.method_name);
    seen += ' ';
    seen += request.path;
    if (!request.query.empty()) seen.append("?").append(request.query);
    seen.append(" ").append(exchange.body());
    handled.push_back(seen);
    if (request.path == "/later" || request.path == "/large") {
      owed.push_back(exchange.Defer());
    } else {
      exchange.Answer({.body = std::move(seen)});
    }
  }

  [[nodiscard]] std::shared_ptr<StreamHandler> Open(const Request& request,
                                                    Stream& stream) override {
    streams.push_back(std::make_shared<Streamed>(stream));
    streams.back()->echoes = request.path == "/stream-echo";
    if (streams.back()->echoes) stream.Begin({});
    return streams.back();
  }

  [[nodiscard]] Response Problem(const ProtocolProblem& problem) override {
    failed = problem.request != nullptr ? problem.request->path : "unread";
    return {.status = problem.status, .body = std::string(problem.code)};
  }

  std::size_t body_bytes_max = 1 << 20;
  std::vector<std::string> handled;
  std::string failed;  // the path of the request that the protocol refused last
  std::vector<Responder> owed;
  std::vector<std::shared_ptr<Streamed>> streams;  // shared with the connection
};

/// A connection with a peer that takes all that is sent, until it is told not to. One thread, manual time.
class ConnectionUnderTest final : private ServerConnection::Owner, AnswerMailbox::Receiver {
 public:
  explicit ConnectionUnderTest(ServerLimits limits = {}) : limits_(limits) {
    context_.now = clock_.Now();
    context_.date.Update(clock_.WallNow());
    connection_ = std::make_shared<ServerConnection>(
        context_, static_cast<ServerConnection::Owner&>(*this), "192.0.2.1");
  }
  ~ConnectionUnderTest() override {
    Lose();
    mailbox_->Close();
  }

  /// The peer sends; what it gets in return so far is in `received`.
  void Send(std::string_view bytes) {
    connection_->Receive(bytes);
    Settle();
  }
  void EndInput() {
    connection_->InputEnded();
    Settle();
  }
  void Drain() {
    connection_->Drain();
    Settle();
  }
  void Lose() {
    if (connection_ != nullptr) connection_->Lost();
    connection_.reset();
  }
  /// Lets tasks run and time pass, with four ticks a second.
  void Advance(Duration duration) {
    for (Duration passed{}; passed <= duration; passed += std::chrono::milliseconds(250)) {
      loop.RunUntilIdle();
      connection_->Tick();
      Settle();
      if (passed < duration) loop.Advance(std::chrono::milliseconds(250));
      context_.now = clock_.Now();
    }
  }

  /// What was received since the last call.
  [[nodiscard]] std::string Take() { return std::exchange(received, {}); }
  [[nodiscard]] bool reads() const { return connection_->wants_input(); }
  [[nodiscard]] ServerConnection::Closing closing() const { return connection_->closing(); }
  /// No more bytes will come: the server has closed its side or all.
  [[nodiscard]] bool is_closed() const { return closing() != ServerConnection::Closing::kNo; }

  ManualClock clock_;
  ManualExecutor loop{clock_};
  ScriptedApplication application;
  LoopCounters counters;
  std::string received;
  std::size_t window = std::string::npos;  // how many bytes the peer still takes

 private:
  // As ServerSession does it.
  void Settle() {
    do {
      const std::string_view output = connection_->Output().substr(0, window);
      received += output;
      if (window != std::string::npos) window -= output.size();
      if (!output.empty()) connection_->Sent(output.size());
    } while (connection_->Output().empty() && connection_->Continue());
    if (closing() == ServerConnection::Closing::kAfterOutput && connection_->Output().empty()) {
      connection_->HalfClosed();
    }
    connection_->OutputDrained();
  }

  void Touched() override {
    loop.Post([this] {
      if (connection_ != nullptr) Settle();
    });
  }
  void Deliver(std::vector<AnswerMailbox::Answer> answers) override {
    for (AnswerMailbox::Answer& answer : answers) {
      if (const auto connection = answer.connection.lock()) {
        connection->AnswerDeferred(answer.sequence, std::move(answer.response));
      }
    }
  }

  const ServerLimits limits_;
  std::shared_ptr<AnswerMailbox> mailbox_ =
      std::make_shared<AnswerMailbox>(loop, static_cast<AnswerMailbox::Receiver&>(*this));
  ConnectionContext context_{.application = application,
                             .limits = limits_,
                             .loop = loop,
                             .answers = mailbox_,
                             .counters = counters};
  std::shared_ptr<ServerConnection> connection_;  // shared with nobody; see ServerConnection
};

}  // namespace itemgate::http
