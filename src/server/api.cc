#include "server/api.h"

#include <utility>

#include "base/check.h"
#include "http/ascii.h"
#include "server/api_state.h"
#include "server/call.h"
#include "server/problem.h"
#include "server/request_head.h"
#include "server/route_table.h"
#include "server/target.h"

namespace itemgate::server {
namespace {

using http::Method;

server::Problem NoRoute(std::string_view allowed) {
  if (allowed.empty())
    return {.code = ProblemCode::kNotFound,
            .detail = "there is nothing at this path; GET /v1/openapi.json lists what there is"};
  return {.code = ProblemCode::kMethodNotAllowed,
          .detail = std::string("this path does not have that method; it has ").append(allowed)};
}

bool IsWanted(const Route& route, std::string_view media_type) {
  for (const BodyType& type : route.request_types) {
    if (type.media_type == "*/*" || http::EqualsIgnoringCase(type.media_type, media_type))
      return true;
  }
  return false;
}

/// True if the body is text of ours, which is UTF-8 and nothing else.
bool IsText(const Route& route, std::string_view media_type) {
  for (const BodyType& type : route.request_types) {
    if (!type.schema.empty() && type.media_type != "*/*" &&
        http::EqualsIgnoringCase(type.media_type, media_type))
      return true;
  }
  return false;
}

std::size_t BodyBytesMax(const Route& route, const ApiOptions& options) {
  constexpr std::size_t kUnwantedBodyBytesMax = 64 << 10;  // read over, where no body is wanted
  switch (route.body) {
    case BodyPolicy::kNone:
      return kUnwantedBodyBytesMax;
    case BodyPolicy::kStreamed:
      return SIZE_MAX;
    case BodyPolicy::kWhole:
      break;
  }
  return route.body_bytes_max > 0 ? route.body_bytes_max : options.body_bytes_max;
}

std::string NamesOf(std::span<const BodyType> types) {
  std::string names;
  for (const BodyType& type : types)
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

/// What is wrong with the fields of a head, whatever its body.
std::optional<server::Problem> CheckFields(const RequestHead& head, const Route& route) {
  if (const auto repeated = head.RepeatedSingle())
    return server::Problem{
        .code = ProblemCode::kInvalidArgument,
        .detail = std::string(NameOf(*repeated)).append(" stands there twice; send it once")};
  if (route.all_scopes && head.Has(Header::kItemScope))
    return server::Problem{.code = ProblemCode::kInvalidArgument,
                           .detail =
                               "the items of all scopes are told here; leave Item-Scope out, "
                               "and look at the \"scope\" of each item"};
  if (!route.answer_type.empty() && !Accepts(head, route.answer_type))
    return server::Problem{
        .code = ProblemCode::kNotAcceptable,
        .detail = std::string("the answer is ")
                      .append(route.answer_type)
                      .append(", which Accept does not allow; leave Accept out")};
  return CheckBodyType(head, route);
}

/// All that a head says by itself, whoever sends it and when: found out once for all requests that have the same.
struct Examined final : http::Request::Finding {
  explicit Examined(const http::Request& request)
      : head(request), match(FindRoute(request.method, request.path)) {
    if (match.route == nullptr) return;
    auto parsed = Query::Parse(request.query, match.route->parameters);
    if (parsed) {
      query = std::move(*parsed);
      problem = CheckFields(head, *match.route);
    } else {
      problem = std::move(parsed.error());
    }
  }

  [[nodiscard]] Addressed addressed() const {
    return {.head = head, .match = match, .query = query};
  }

  const RequestHead head;
  const RouteMatch match;
  Query query;
  std::optional<server::Problem> problem;
};

const Examined& ExaminedOf(const http::Request& request) {
  if (request.finding == nullptr) request.finding = std::make_unique<const Examined>(request);
  return static_cast<const Examined&>(*request.finding);
}

/// The methods that whoever sent a request without a route may use instead.
std::string AllowedOf(const http::Request& request, const RouteMatch& match) {
  const bool is_served = request.method == Method::kGet || request.method == Method::kHead ||
                         request.method == Method::kPost || request.method == Method::kPut;
  return match.allow.empty() && !is_served ? "GET, HEAD, POST, PUT" : match.allow;
}

}  // namespace

Api::Api(ApiParts parts, ApiOptions options)
    : state_(std::make_unique<ApiState>(std::move(parts), std::move(options))) {}

Api::~Api() = default;

http::Application::Plan Api::Receive(const http::Request& request, std::string_view peer) {
  const Examined& examined = ExaminedOf(request);
  const Route* const route = examined.match.route;
  const auto refuse = [&](const server::Problem& problem) -> Plan {
    return {.refusal = RefusalOf(*state_, examined.head, peer, route, problem)};
  };
  if (request.method == Method::kUnknown)
    return refuse({.code = ProblemCode::kNotImplemented,
                   .detail = "there is no such method; use GET, HEAD, POST or PUT"});
  if (route == nullptr) {
    const std::string allowed = AllowedOf(request, examined.match);
    Plan plan = refuse(NoRoute(allowed));
    if (!allowed.empty()) plan.refusal->Add("Allow", allowed);
    return plan;
  }
  if (examined.problem) return refuse(*examined.problem);
  if (route->saves && state_->is_draining()) return refuse(state_->DrainingProblem());
  const bool streamed = route->open != nullptr;
  return {.refusal = std::nullopt,
          .body = streamed ? Body::kStreamed : Body::kWhole,
          .body_bytes_max = BodyBytesMax(*route, state_->options),
          .large_answer = route->large_answer};
}

void Api::Handle(http::Exchange& exchange) {
  const Examined& examined = ExaminedOf(exchange.request());
  ITEMGATE_CHECK(examined.match.route != nullptr);
  Call call(*state_, exchange, examined.addressed());
  examined.match.route->handle(*state_, call);
}

std::shared_ptr<http::StreamHandler> Api::Open(const http::Request& request, http::Stream& stream) {
  const Examined& examined = ExaminedOf(request);
  ITEMGATE_CHECK(examined.match.route != nullptr);
  return examined.match.route->open(*state_, StreamedCall(*state_, stream, examined.addressed()));
}

http::Response Api::Problem(const http::ProtocolProblem& problem) {
  return RefusalOf(*state_, problem);
}

void Api::SetDraining() { state_->draining.store(true, std::memory_order_relaxed); }

bool Api::overloaded() const { return state_->admission.overloaded(); }

bool Api::verifying() const { return state_->verifying.load(std::memory_order_relaxed); }

std::size_t Api::in_flight() const { return state_->admission.in_flight(); }

}  // namespace itemgate::server
