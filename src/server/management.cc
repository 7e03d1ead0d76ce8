#include "server/management.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "http/ascii.h"
#include "server/metrics.h"
#include "server/problem.h"

namespace itemgate::server {
namespace {

enum class Route { kHealth, kReadiness, kMetrics, kDrain };

struct Row {
  std::string_view path;
  Route route;
  std::string_view allow;
};

constexpr std::array<Row, 4> kRows{{{"/healthz", Route::kHealth, "GET, HEAD"},
                                    {"/readyz", Route::kReadiness, "GET, HEAD"},
                                    {"/metrics", Route::kMetrics, "GET, HEAD"},
                                    {"/drain", Route::kDrain, "POST"}}};
constexpr std::size_t kBodyBytesMax = 1024;  // of POST /drain; nobody reads it

const Row* RowOf(const http::Request& request) {
  const auto* row = std::ranges::find(kRows, request.path, &Row::path);
  return row == kRows.end() ? nullptr : row;
}

bool IsAllowed(Route route, http::Method method) {
  if (route == Route::kDrain) return method == http::Method::kPost;
  return method == http::Method::kGet || method == http::Method::kHead;
}

/// True if a browser says that a page has asked for it. A page of anybody's can post to the addresses of its reader,
/// and needs no permission as long as it does not want to see the answer.
bool IsFromWebPage(const http::Request& request) {
  return std::ranges::any_of(request.fields, [](const http::Field& field) {
    if (http::EqualsIgnoringCase(field.name, "Origin")) return true;
    return http::EqualsIgnoringCase(field.name, "Sec-Fetch-Site") && field.value != "none" &&
           field.value != "same-origin";
  });
}

http::Response Text(int status, std::string text) {
  http::Response response{.status = status};
  response.Add("Content-Type", "text/plain; charset=utf-8").Add("Cache-Control", "no-store");
  response.body = std::move(text);
  return response;
}

}  // namespace

Management::Management(Parts parts) : parts_(std::move(parts)), request_ids_(parts_.seed) {}

http::Application::Plan Management::Receive(const http::Request& request,
                                            std::string_view /*peer*/) {
  const Row* row = RowOf(request);
  if (row == nullptr) {
    constexpr std::string_view kWhatThereIs =
        "this is the management listener: /healthz, /readyz, /metrics, POST /drain";
    return {.refusal = Refusal(
                request, {.code = ProblemCode::kNotFound, .detail = std::string(kWhatThereIs)})};
  }
  if (!IsAllowed(row->route, request.method)) {
    Plan plan{.refusal = Refusal(request, {.code = ProblemCode::kMethodNotAllowed,
                                           .detail = "use " + std::string(row->allow)})};
    plan.refusal->Add("Allow", row->allow);
    return plan;
  }
  if (request.method == http::Method::kPost && IsFromWebPage(request))
    return {.refusal = Refusal(request, {.code = ProblemCode::kFromWebPage,
                                         .detail = "this is for operators, not for web pages; send "
                                                   "it without Origin, as curl does"})};
  return {.body_bytes_max = kBodyBytesMax};
}

void Management::Handle(http::Exchange& exchange) {
  const Row* row = RowOf(exchange.request());
  ITEMGATE_CHECK(row != nullptr);  // Receive saw to it
  switch (row->route) {
    case Route::kHealth:
      exchange.Answer(Text(200, "ok\n"));
      return;
    case Route::kReadiness: {
      const auto reason = parts_.why_not_ready();
      exchange.Answer(reason ? Text(503, *reason + "\n") : Text(200, "ready\n"));
      return;
    }
    case Route::kMetrics: {
      http::Response response;
      response.Add("Content-Type", kMetricsMediaType);
      response.body = parts_.metrics();
      exchange.Answer(std::move(response));
      return;
    }
    case Route::kDrain:
      parts_.drain();
      exchange.Answer(Text(202, "draining\n"));
      return;
  }
}

std::shared_ptr<http::StreamHandler> Management::Open(const http::Request& /*request*/,
                                                      http::Stream& stream) {
  stream.Abort();  // Receive asks for no streams
  return nullptr;
}

http::Response Management::Problem(const http::ProtocolProblem& problem) {
  RequestIds::Text made;
  const std::string_view id = request_ids_.Write(made);
  http::Response response = ProblemResponse(problem, id);
  response.Add("X-Request-Id", id);
  return response;
}

http::Response Management::Refusal(const http::Request& request, const server::Problem& problem) {
  const RequestHead head(request);
  RequestIds::Text made;
  const std::string_view id = request_ids_.Choose(head, made);
  http::Response response = ProblemResponse(problem, id, TraceIdOf(head));
  response.Add("X-Request-Id", id);
  return response;
}

}  // namespace itemgate::server
