#include "server/api.h"

#include <utility>

#include "base/check.h"
#include "http/ascii.h"
#include "server/api_state.h"
#include "server/call.h"
#include "server/problem.h"
#include "server/request_head.h"
#include "server/route_table.h"

namespace itemgate::server {
namespace {

using http::Method;

server::Problem NoRoute(const RouteMatch& match) {
  if (match.allow.empty())
    return {.code = ProblemCode::kNotFound,
            .detail = "there is nothing at this path; GET /v1/openapi.json lists what there is"};
  return {.code = ProblemCode::kMethodNotAllowed,
          .detail = "this path does not have that method; it has " + match.allow};
}

bool IsWanted(const Route& route, std::string_view media_type) {
  for (const RequestType& type : route.request_types) {
    if (type.media_type == "*/*" || http::EqualsIgnoringCase(type.media_type, media_type))
      return true;
  }
  return false;
}

/// True if the body is text of ours, which is UTF-8 and nothing else.
bool IsText(const Route& route, std::string_view media_type) {
  for (const RequestType& type : route.request_types) {
    if (!type.schema.empty() && type.media_type != "*/*" &&
        http::EqualsIgnoringCase(type.media_type, media_type))
      return true;
  }
  return false;
}

std::string NamesOf(std::span<const RequestType> types) {
  std::string names;
  for (const RequestType& type : types)
    names.append(names.empty() ? "" : ", ").append(type.media_type);
  return names;
}

std::optional<server::Problem> CheckBodyType(const RequestHead& head, const Route& route) {
  if (route.request_types.empty()) return std::nullopt;
  const std::string_view encoding = head[Header::kContentEncoding];
  if (!encoding.empty() && !http::EqualsIgnoringCase(encoding, "identity"))
    return server::Problem{.code = ProblemCode::kUnsupportedEncoding,
                           .detail = "send the body without Content-Encoding"};
  const std::string_view media_type = MediaTypeEssence(head[Header::kContentType]);
  if (!IsWanted(route, media_type))
    return server::Problem{
        .code = ProblemCode::kUnsupportedType,
        .detail = "Content-Type must be one of: " + NamesOf(route.request_types)};
  if (IsText(route, media_type) && !IsUtf8Charset(head[Header::kContentType]))
    return server::Problem{.code = ProblemCode::kUnsupportedType,
                           .detail = "the charset must be utf-8, or left out"};
  return std::nullopt;
}

/// What is wrong with the head of a request, whatever its body.
std::optional<server::Problem> CheckHead(const ApiState& api, const RequestHead& head,
                                         const Route& route) {
  if (const auto repeated = head.RepeatedSingle())
    return server::Problem{
        .code = ProblemCode::kInvalidArgument,
        .detail = std::string(NameOf(*repeated)).append(" stands there twice; send it once")};
  if (!route.answer_type.empty() && !Accepts(head, route.answer_type))
    return server::Problem{
        .code = ProblemCode::kNotAcceptable,
        .detail = std::string("the answer is ")
                      .append(route.answer_type)
                      .append(", which Accept does not allow; leave Accept out")};
  if (auto problem = CheckBodyType(head, route)) return problem;
  if (route.saves && api.is_draining()) return api.DrainingProblem();
  return std::nullopt;
}

}  // namespace

Api::Api(ApiParts parts, ApiOptions options)
    : state_(std::make_unique<ApiState>(std::move(parts), std::move(options))) {}

Api::~Api() = default;

http::Application::Plan Api::Receive(const http::Request& request, std::string_view peer) {
  const RequestHead head(request);
  const auto refuse = [&](const Route* route, const server::Problem& problem) -> Plan {
    return {.refusal = RefusalOf(*state_, head, peer, route, problem)};
  };
  if (request.method == Method::kUnknown)
    return refuse(nullptr, {.code = ProblemCode::kNotImplemented,
                            .detail = "there is no such method; use GET, HEAD or POST"});
  RouteMatch match = FindRoute(request.method, request.path);
  if (match.route == nullptr) {
    const bool is_served = request.method == Method::kGet || request.method == Method::kHead ||
                           request.method == Method::kPost;
    if (match.allow.empty() && !is_served) match.allow = "GET, HEAD, POST";
    Plan plan = refuse(nullptr, NoRoute(match));
    if (!match.allow.empty()) plan.refusal->Add("Allow", match.allow);
    return plan;
  }
  if (const auto problem = CheckHead(*state_, head, *match.route))
    return refuse(match.route, *problem);
  constexpr std::size_t kUnwantedBodyBytesMax = 64 << 10;  // read over, where no body is wanted
  const bool streamed = match.route->open != nullptr;
  return {.refusal = std::nullopt,
          .body = streamed ? Body::kStreamed : Body::kWhole,
          .body_bytes_max = match.route->body == BodyPolicy::kWhole ? state_->options.body_bytes_max
                            : match.route->body == BodyPolicy::kStreamed ? SIZE_MAX
                                                                         : kUnwantedBodyBytesMax,
          .large_answer = match.route->large_answer};
}

void Api::Handle(http::Exchange& exchange) {
  const RouteMatch match = FindRoute(exchange.request().method, exchange.request().path);
  ITEMGATE_CHECK(match.route != nullptr);
  Call call(*state_, exchange, match);
  match.route->handle(*state_, call);
}

std::shared_ptr<http::StreamHandler> Api::Open(const http::Request& request, http::Stream& stream) {
  const RouteMatch match = FindRoute(request.method, request.path);
  ITEMGATE_CHECK(match.route != nullptr);
  const RequestHead head(request);
  return match.route->open(*state_, StreamedCall(*state_, stream, match, head));
}

http::Response Api::Problem(const http::ProtocolProblem& problem) {
  return RefusalOf(*state_, problem);
}

void Api::SetDraining() { state_->draining.store(true, std::memory_order_relaxed); }

bool Api::overloaded() const { return state_->admission.overloaded(); }

bool Api::verifying() const { return state_->verifying.load(std::memory_order_relaxed); }

std::size_t Api::in_flight() const { return state_->admission.in_flight(); }

}  // namespace itemgate::server
