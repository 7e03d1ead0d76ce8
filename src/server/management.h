#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "http/application.h"
#include "server/problem.h"
#include "server/request_id.h"

namespace itemgate::server {

/// What the management listener serves, for operators: GET /healthz, GET /readyz, GET /metrics, POST /drain
/// (docs/http-api.md). Everything else is 404.
///
/// Thread-safe if the parts are; they are called on the listener's threads.
class Management final : public http::Application {
 public:
  struct Parts {
    std::function<std::optional<std::string>()> why_not_ready;  // nothing: ready
    std::function<std::string()> metrics;                       // in the format of MetricsText
    std::function<void()> drain;                                // begins it, and returns
    std::uint64_t seed;                                         // of request ids
  };

  explicit Management(Parts parts);

  [[nodiscard]] Plan Receive(const http::Request& request, std::string_view peer) override;
  void Handle(http::Exchange& exchange) override;
  [[nodiscard]] std::shared_ptr<http::StreamHandler> Open(const http::Request& request,
                                                          http::Stream& stream) override;
  [[nodiscard]] http::Response Problem(const http::ProtocolProblem& problem) override;

 private:
  [[nodiscard]] http::Response Refusal(const http::Request& request,
                                       const server::Problem& problem);

  Parts parts_;
  RequestIds request_ids_;
};

}  // namespace itemgate::server
