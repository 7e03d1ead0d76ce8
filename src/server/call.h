#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "http/application.h"
#include "server/api_state.h"
#include "server/problem.h"
#include "server/request_head.h"
#include "server/route_table.h"
#include "server/target.h"

namespace itemgate::server {

/// Who asked for what, kept until the answer: for the answer's X-Request-Id, and for the log.
struct Asked {
  const Route* route = nullptr;
  std::string_view method;  // a constant
  Instant began;
  std::size_t bytes_in = 0;
  std::string request_id;
  std::string trace_id;
  std::string peer;
};

/// An answer that is given later. From any thread, once. Destroyed without one, the client is answered 500.
class DeferredCall {
 public:
  DeferredCall(ApiState& api, Asked asked, http::Responder responder)
      : api_(&api), asked_(std::move(asked)), responder_(std::move(responder)) {}

  void Answer(http::Response response);
  void Answer(const Problem& problem);

  [[nodiscard]] const Asked& asked() const { return asked_; }

 private:
  ApiState* api_;
  Asked asked_;
  http::Responder responder_;
};

/// What a head says to the handler of its route.
struct Addressed {
  const RequestHead& head;
  const RouteMatch& match;
  const Query& query;
};

/// One request whose body is complete, on its way through a handler. Lives for the length of Api::Handle.
class Call {
 public:
  Call(ApiState& api, http::Exchange& exchange, const Addressed& to);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // One of these three, once.
  void Answer(http::Response response);
  void Answer(const Problem& problem);
  [[nodiscard]] DeferredCall Defer();

  [[nodiscard]] const http::Request& request() const { return to_.head.request(); }
  [[nodiscard]] const RequestHead& head() const { return to_.head; }
  [[nodiscard]] const Route& route() const { return *to_.match.route; }
  /// The part of the path that stands for the braces, still percent-encoded.
  [[nodiscard]] std::string_view path_parameter() const { return to_.match.path_parameter; }
  [[nodiscard]] const Query& query() const { return to_.query; }
  [[nodiscard]] std::string_view body() const { return exchange_.body(); }
  [[nodiscard]] std::string_view peer() const { return exchange_.peer(); }
  [[nodiscard]] std::string_view request_id() const { return request_id_; }
  [[nodiscard]] Instant began() const { return began_; }

 private:
  ApiState& api_;
  http::Exchange& exchange_;
  const Addressed to_;
  const Instant began_;
  RequestIds::Text made_id_;
  const std::string_view request_id_;
};

/// One streamed exchange, on its way to its handler, and the log's knowledge of it. `stream` is valid as http::Stream
/// says; head, path parameter and query during Api::Open.
class StreamedCall {
 public:
  StreamedCall(ApiState& api, http::Stream& stream, const Addressed& to);

  /// Begins the answer of this status; adds X-Request-Id.
  void Begin(http::Response head);
  /// Answers in one piece and ends the stream.
  void AnswerProblem(const Problem& problem);
  /// Tells the log, if there was an answer. Once, when it ended or its connection did.
  void Ended(std::size_t bytes_in, std::size_t bytes_out);

  [[nodiscard]] http::Stream& stream() const { return *stream_; }
  [[nodiscard]] const RequestHead& head() const { return *head_; }
  [[nodiscard]] std::string_view path_parameter() const { return path_parameter_; }
  [[nodiscard]] const Query& query() const { return *query_; }
  [[nodiscard]] const Asked& asked() const { return asked_; }

 private:
  ApiState* api_;
  http::Stream* stream_;
  const RequestHead* head_;
  std::string_view path_parameter_;
  const Query* query_;
  Asked asked_;
  int status_ = 0;
  std::string_view code_;  // a constant
  std::string detail_;
};

/// The answer to a request that has no call, for it was refused by its head.
[[nodiscard]] http::Response RefusalOf(ApiState& api, const RequestHead& head,
                                       std::string_view peer, const Route* route,
                                       const Problem& problem);
/// The same for one that the protocol refuses.
[[nodiscard]] http::Response RefusalOf(ApiState& api, const http::ProtocolProblem& problem);

/// When the client gives up, by Request-Timeout. Fails with kInvalidArgument.
[[nodiscard]] std::expected<std::optional<Instant>, Problem> DeadlineOf(const RequestHead& head,
                                                                        Instant began);
[[nodiscard]] Problem DeadlinePassed();

/// An answer in JSON with status 200.
[[nodiscard]] http::Response JsonResponse(std::string body);

/// Takes a place in the queue for workers, which waiting_reads counts. The problem if there is none.
[[nodiscard]] std::optional<Problem> QueueForWorker(ApiState& api);

/// Runs `work` with the call on a worker. Answers itself if the client has given up by then, or too many wait already.
template <typename Work>
void RunOnWorker(ApiState& api, Call& call, Work work) {
  const auto deadline = DeadlineOf(call.head(), call.began());
  if (!deadline) return call.Answer(deadline.error());
  if (const auto problem = QueueForWorker(api)) return call.Answer(*problem);
  api.parts.workers.Post(
      [&api, deferred = call.Defer(), limit = *deadline, work = std::move(work)]() mutable {
        api.waiting_reads.fetch_sub(1, std::memory_order_relaxed);
        if (limit && api.parts.clock.Now() >= *limit) return deferred.Answer(DeadlinePassed());
        work(std::move(deferred));
      });
}

/// The same, answering with the response or problem that `make` returns.
template <typename Make>
void AnswerFromWorker(ApiState& api, Call& call, Make make) {
  RunOnWorker(api, call, [make = std::move(make)](DeferredCall deferred) mutable {
    std::expected<http::Response, Problem> made = make();
    if (made) {
      deferred.Answer(std::move(*made));
    } else {
      deferred.Answer(made.error());
    }
  });
}

}  // namespace itemgate::server
