#include "server/call.h"

namespace itemgate::server {
namespace {

/// What the log needs to know of an answer, in views.
struct Answered {
  const Route* route;
  std::string_view method;
  Instant began;
  std::size_t bytes_in = 0;
  std::string_view request_id;
  std::string_view trace_id;
  std::string_view peer;
  int status;
  std::size_t bytes_out;
  std::string_view code = {};
  std::string_view detail = {};
};

void Tell(ApiState& api, const Answered& answered) {
  api.parts.log.Answered({.route = answered.route != nullptr ? answered.route->path : "unknown",
                          .method = answered.method,
                          .status = answered.status,
                          .took = api.parts.clock.Now() - answered.began,
                          .bytes_in = answered.bytes_in,
                          .bytes_out = answered.bytes_out,
                          .code = answered.code,
                          .detail = answered.detail,
                          .request_id = answered.request_id,
                          .trace_id = answered.trace_id,
                          .peer = answered.peer});
}

Answered AnsweredOf(const Asked& asked, int status, std::size_t bytes_out) {
  return {.route = asked.route,
          .method = asked.method,
          .began = asked.began,
          .bytes_in = asked.bytes_in,
          .request_id = asked.request_id,
          .trace_id = asked.trace_id,
          .peer = asked.peer,
          .status = status,
          .bytes_out = bytes_out};
}

std::string_view LoggedDetail(const Problem& problem) {
  return KindOf(problem.code).public_detail.empty() ? std::string_view{} : problem.detail;
}

}  // namespace

void DeferredCall::Answer(http::Response response) {
  response.Add("X-Request-Id", asked_.request_id);
  Tell(*api_, AnsweredOf(asked_, response.status, response.body.size()));
  responder_(std::move(response));
}

void DeferredCall::Answer(const Problem& problem) {
  http::Response response = ProblemResponse(problem, asked_.request_id, asked_.trace_id);
  response.Add("X-Request-Id", asked_.request_id);
  Answered answered = AnsweredOf(asked_, response.status, response.body.size());
  answered.code = KindOf(problem.code).name;
  answered.detail = LoggedDetail(problem);
  Tell(*api_, answered);
  responder_(std::move(response));
}

Call::Call(ApiState& api, http::Exchange& exchange, const Addressed& to)
    : api_(api),
      exchange_(exchange),
      to_(to),
      began_(api.parts.clock.Now()),
      request_id_(api.request_ids.Choose(to.head, made_id_)) {}

void Call::Answer(http::Response response) {
  response.Add("X-Request-Id", request_id_);
  Tell(api_, {.route = to_.match.route,
              .method = MethodName(request().method),
              .began = began_,
              .bytes_in = body().size(),
              .request_id = request_id_,
              .trace_id = TraceIdOf(to_.head),
              .peer = peer(),
              .status = response.status,
              .bytes_out = response.body.size()});
  exchange_.Answer(std::move(response));
}

void Call::Answer(const Problem& problem) {
  http::Response response = ProblemResponse(problem, request_id_, TraceIdOf(to_.head));
  response.Add("X-Request-Id", request_id_);
  Tell(api_, {.route = to_.match.route,
              .method = MethodName(request().method),
              .began = began_,
              .bytes_in = body().size(),
              .request_id = request_id_,
              .trace_id = TraceIdOf(to_.head),
              .peer = peer(),
              .status = response.status,
              .bytes_out = response.body.size(),
              .code = KindOf(problem.code).name,
              .detail = LoggedDetail(problem)});
  exchange_.Answer(std::move(response));
}

DeferredCall Call::Defer() {
  return DeferredCall(api_,
                      {.route = to_.match.route,
                       .method = MethodName(request().method),
                       .began = began_,
                       .bytes_in = body().size(),
                       .request_id = std::string(request_id_),
                       .trace_id = std::string(TraceIdOf(to_.head)),
                       .peer = std::string(peer())},
                      exchange_.Defer());
}

StreamedCall::StreamedCall(ApiState& api, http::Stream& stream, const Addressed& to)
    : api_(&api),
      stream_(&stream),
      head_(&to.head),
      path_parameter_(to.match.path_parameter),
      query_(&to.query) {
  RequestIds::Text made;
  asked_ = {.route = to.match.route,
            .method = MethodName(to.head.request().method),
            .began = api.parts.clock.Now(),
            .request_id = std::string(api.request_ids.Choose(to.head, made)),
            .trace_id = std::string(TraceIdOf(to.head)),
            .peer = std::string(stream.peer())};
}

void StreamedCall::Begin(http::Response head) {
  head.Add("X-Request-Id", asked_.request_id);
  status_ = head.status;
  stream_->Begin(std::move(head));
}

void StreamedCall::AnswerProblem(const Problem& problem) {
  http::Response response = ProblemResponse(problem, asked_.request_id, asked_.trace_id);
  const std::string body = std::move(response.body);
  code_ = KindOf(problem.code).name;
  detail_ = LoggedDetail(problem);
  Begin(std::move(response));
  stream_->Write(body);
  stream_->End();
  Ended(0, body.size());
}

void StreamedCall::Ended(std::size_t bytes_in, std::size_t bytes_out) {
  if (status_ == 0) return;  // the client left before there was an answer
  asked_.bytes_in = bytes_in;
  Answered answered = AnsweredOf(asked_, status_, bytes_out);
  answered.code = code_;
  answered.detail = detail_;
  Tell(*api_, answered);
}

http::Response RefusalOf(ApiState& api, const RequestHead& head, std::string_view peer,
                         const Route* route, const Problem& problem) {
  RequestIds::Text made;
  const std::string_view request_id = api.request_ids.Choose(head, made);
  http::Response response = ProblemResponse(problem, request_id, TraceIdOf(head));
  response.Add("X-Request-Id", request_id);
  Tell(api, {.route = route,
             .method = MethodName(head.request().method),
             .began = api.parts.clock.Now(),
             .request_id = request_id,
             .trace_id = TraceIdOf(head),
             .peer = peer,
             .status = response.status,
             .bytes_out = response.body.size(),
             .code = KindOf(problem.code).name});
  return response;
}

http::Response RefusalOf(ApiState& api, const http::ProtocolProblem& problem) {
  static const http::Request kUnread;
  const http::Request& request = problem.request != nullptr ? *problem.request : kUnread;
  const RequestHead head(request);
  RequestIds::Text made;
  const std::string_view request_id = api.request_ids.Choose(head, made);
  http::Response response = ProblemResponse(problem, request_id);
  response.Add("X-Request-Id", request_id);
  const bool was_read = problem.request != nullptr;
  Tell(api, {.route = was_read ? FindRoute(request.method, request.path).route : nullptr,
             .method = was_read ? MethodName(request.method) : std::string_view(),
             .began = api.parts.clock.Now(),
             .request_id = request_id,
             .trace_id = TraceIdOf(head),
             .peer = problem.peer,
             .status = response.status,
             .bytes_out = response.body.size(),
             .code = problem.code});
  return response;
}

std::expected<std::optional<Instant>, Problem> DeadlineOf(const RequestHead& head, Instant began) {
  if (!head.Has(Header::kRequestTimeout)) return std::nullopt;
  const auto timeout = ParseSeconds(head[Header::kRequestTimeout]);
  if (timeout) return began + *timeout;
  return std::unexpected(Problem{.code = ProblemCode::kInvalidArgument,
                                 .detail = "Request-Timeout must be a number of seconds"});
}

Problem DeadlinePassed() {
  return {.code = ProblemCode::kDeadlinePassed,
          .detail = "the time of Request-Timeout was over before the work began; nothing was done"};
}

std::optional<Problem> QueueForWorker(ApiState& api) {
  if (api.waiting_reads.fetch_add(1, std::memory_order_relaxed) < api.options.waiting_reads_max)
    return std::nullopt;
  api.waiting_reads.fetch_sub(1, std::memory_order_relaxed);
  return Problem{.code = ProblemCode::kOverloaded,
                 .detail = "too many requests that read are waiting; send it again later"};
}

http::Response JsonResponse(std::string body) {
  http::Response response;
  response.Add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

}  // namespace itemgate::server
