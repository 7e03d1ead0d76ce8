#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/request.h"
#include "http/response.h"
#include "net/executor.h"

namespace itemgate::http {

/// Sends the one answer to a request; from any thread, at most once, whether or not the connection still lives.
/// Destroyed without having been called, it answers 500.
using Responder = std::move_only_function<void(Response)>;

/// One request whose body is complete. Lives for the length of Application::Handle, and so do its views.
class Exchange {
 public:
  virtual ~Exchange() = default;

  [[nodiscard]] virtual const Request& request() const = 0;
  [[nodiscard]] virtual std::string_view body() const = 0;
  /// The peer's address without its port.
  [[nodiscard]] virtual std::string_view peer() const = 0;
  /// Runs tasks on the connection's thread. Outlives the connection.
  [[nodiscard]] virtual Executor& loop() = 0;

  /// Answers now. Exactly one of Answer and Defer is called, once.
  virtual void Answer(Response response) = 0;
  /// Answers later. Answers to requests of one connection leave in the order of the requests, whoever is ready first.
  [[nodiscard]] virtual Responder Defer() = 0;
};

/// The connection's side of a streamed exchange. All on the connection's thread; valid until End was called or the
/// handler's Closed was.
class Stream {
 public:
  virtual ~Stream() = default;

  [[nodiscard]] virtual Executor& loop() = 0;
  [[nodiscard]] virtual std::string_view peer() const = 0;

  /// Sends the head of the answer. Its body, if it has one, is ignored: Write follows. Once.
  virtual void Begin(Response head) = 0;
  /// Sends a piece of the answer's body. Never blocks; look at unsent_bytes.
  virtual void Write(std::string_view piece) = 0;
  /// The answer is complete. What is left of the request's body is read and dropped, or the connection is closed.
  virtual void End() = 0;
  /// A broken answer: closes the connection so that the client sees that it is incomplete.
  virtual void Abort() = 0;

  /// What was written and is not with the kernel yet.
  [[nodiscard]] virtual std::size_t unsent_bytes() const = 0;

  /// Stops and goes on delivering the request's body. Paused, the sender is held back by TCP.
  virtual void PauseBody() = 0;
  virtual void ResumeBody() = 0;
};

/// The application's side of a streamed exchange. Called on the connection's thread only.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;

  virtual void BodyArrived(std::string_view piece) = 0;
  virtual void BodyEnded() = 0;
  /// All that was written is with the kernel.
  virtual void OutputDrained() = 0;
  /// The server ends: what can end should, soon. Once, at the earliest when Open has returned.
  virtual void Draining() {}
  /// The connection is gone, before End: the stream must not be used any more.
  virtual void Closed() = 0;
};

/// What the server itself answers because of the protocol: status 400, 405, 408, 413, 414, 417, 421, 431, 500, 501, 503
/// or 505, and a stable code such as "bad_framing".
struct ProtocolProblem {
  int status = 400;
  std::string_view code;
  std::string_view detail;
  std::string_view peer;
  const Request* request = nullptr;  // null if its head is what is wrong, or never came
};

/// What a server serves. Methods are called on the threads of the server's loops, several at a time, and must not
/// block.
class Application {
 public:
  enum class Body { kWhole, kStreamed };

  /// What to do with a request whose head has arrived. `request` is valid during the call.
  struct Plan {
    std::optional<Response>
        refusal;  // answered before the body is read; Handle and Open are not called
    Body body = Body::kWhole;
    std::size_t body_bytes_max = 0;  // more is answered 413 and closes the connection
    bool large_answer = false;       // the connection's next request waits until this is answered
  };

  virtual ~Application() = default;

  [[nodiscard]] virtual Plan Receive(const Request& request, std::string_view peer) = 0;
  virtual void Handle(Exchange& exchange) = 0;
  /// Begins a streamed exchange. The request's views are valid during the call. The connection co-owns the handler with
  /// whatever the application started for it.
  [[nodiscard]] virtual std::shared_ptr<StreamHandler> Open(const Request& request,
                                                            Stream& stream) = 0;

  /// The answer: sets the status, the media type and the body.
  [[nodiscard]] virtual Response Problem(const ProtocolProblem& problem) = 0;
};

}  // namespace itemgate::http
