#pragma once

#include <cstddef>
#include <string_view>

#include "base/clock.h"

namespace itemgate::server {

/// One answered request, for the metrics and the log. The views are valid during the call.
struct RequestEvent {
  std::string_view
      route;  // the path template, such as "/v1/items/{id}"; "unknown" if there is none
  std::string_view method;  // "GET"
  int status = 0;
  Duration took{};           // from the complete request (or its head, if streamed) to the answer
  std::size_t bytes_in = 0;  // of the bodies
  std::size_t bytes_out = 0;
  std::string_view code;    // of the problem, or empty
  std::string_view detail;  // of an error of ours (status 500), which the client is not told
  std::string_view request_id;
  std::string_view trace_id;  // 32 hexadecimal digits of `traceparent`, or empty
  std::string_view peer;
};

/// Is told of every answered request. From any thread; must not block.
class RequestLog {
 public:
  virtual ~RequestLog() = default;
  virtual void Answered(const RequestEvent& event) = 0;
};

}  // namespace itemgate::server
