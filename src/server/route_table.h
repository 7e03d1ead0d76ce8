#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/application.h"
#include "http/request.h"
#include "server/problem.h"

namespace itemgate::server {

struct ApiState;
class Call;
class StreamedCall;

enum class ParameterPlace : std::uint8_t { kPath, kQuery, kHeader };
enum class ParameterType : std::uint8_t { kText, kInteger, kNumber, kFlag };

/// A parameter of a route, as its users read it.
struct Parameter {
  ParameterPlace place;
  std::string_view name;
  ParameterType type;
  std::string_view description;
};

/// What a body may be.
struct BodyType {
  std::string_view media_type;  // "*/*": any
  std::string_view schema;      // in the document's components; empty: any bytes
};

/// A status that says that all is well.
struct Success {
  int status;
  std::string_view description;
  std::string_view media_type;                     // of the body; empty: there is none
  std::string_view schema;                         // of the body, as in BodyType
  std::span<const std::string_view> headers = {};  // that it carries besides X-Request-Id
  std::span<const BodyType> other_types = {};      // that the body may be of instead
};

/// What a route does with the body of a request.
enum class BodyPolicy : std::uint8_t {
  kNone,      // read and dropped; at most a little
  kWhole,     // given to the handler in one piece
  kStreamed,  // given as it comes; the answer is streamed too
};

/// One row of the table from which requests are routed and the OpenAPI document is made.
struct Route {
  http::Method method;    // kGet answers HEAD as well
  std::string_view path;  // a template: a part in braces stands for one part of the path
  std::string_view operation_id;
  std::string_view summary;
  std::span<const Parameter> parameters;
  std::span<const BodyType> request_types;
  std::span<const Success> successes;
  std::span<const ProblemCode> problems;  // besides those that every route may answer
  BodyPolicy body = BodyPolicy::kNone;
  std::size_t body_bytes_max = 0;  // of a whole body; 0: a content, as long as one may be
  std::string_view answer_type;    // must be acceptable to the client; empty: whatever was saved
  bool saves = false;              // refused while the server drains
  bool all_scopes = false;  // tells of all of them: Item-Scope, which would do nothing, is refused
  bool large_answer = false;  // with contents: one at a time for each connection

  // One of the two.
  void (*handle)(ApiState&, Call&) = nullptr;
  std::shared_ptr<http::StreamHandler> (*open)(ApiState&, StreamedCall) = nullptr;
};

[[nodiscard]] std::span<const Route> Routes();

/// The problems that any route may answer.
[[nodiscard]] std::span<const ProblemCode> CommonProblems();

/// True if the table says that the route may answer this status.
[[nodiscard]] bool Declares(const Route& route, int status);

/// Where a request goes. The part of the path that stands for the braces is still percent-encoded.
struct RouteMatch {
  const Route* route = nullptr;  // null: see `allow`
  std::string_view path_parameter;
  std::string allow;  // the methods that the path has; empty: no such path
};
[[nodiscard]] RouteMatch FindRoute(http::Method method, std::string_view path);

/// "GET", "HEAD", "POST", "PUT"; the table has no others.
[[nodiscard]] std::string_view MethodName(http::Method method);

}  // namespace itemgate::server
