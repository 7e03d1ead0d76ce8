#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "http/application.h"
#include "itemgate/itemgate.h"
#include "itemgate/service.h"
#include "net/executor.h"
#include "server/admission.h"
#include "server/feed_hub.h"
#include "server/idempotency.h"
#include "server/request_log.h"

namespace itemgate::server {

/// What the API is made of. `clock`, `log` and `feeds` must outlive it; service, workers and savers must be closed
/// before it is destroyed, after the server that serves it.
struct ApiParts {
  ItemIntegrationService& service;
  std::function<StoreStatistics()> store_statistics;  // may block on the disk
  std::function<bool()> may_have_lost_items;          // as Itemgate has it
  /// Reads the whole store, telling now and then how many items are done.
  std::function<Result<VerifyReport>(std::move_only_function<void(std::uint64_t)>)> verify;
  std::function<Result<Cluster>()> cluster;  // who serves the store; may block on it
  // As Itemgate has them.
  std::function<Result<std::vector<ParkedContent>>()> parked;
  std::function<Result<void>(const ContentKey&, Resolution)> resolve_parked;
  Executor& workers;  // runs what reads: it may block on the disk, and be long
  Executor& savers;   // examines long contents, which do not wait for readers
  const Clock& clock;
  RequestLog& log;
  FeedHub& feeds;
  std::uint64_t seed;  // of request ids and of tables that senders choose the keys of
};

struct ApiOptions {
  // Waiting for a save that is under way.
  Duration wait_default = std::chrono::seconds(60);
  Duration wait_max = std::chrono::seconds(60);

  // Limits; reaching one is a defined answer.
  std::size_t body_bytes_max = 16 << 20;        // of a content: 413
  std::size_t loop_body_bytes_max = 64 << 10;   // what is longer is digested by a saver
  std::size_t batch_line_bytes_max = 24 << 20;  // of a line of NDJSON: that item is refused
  std::size_t batch_window_items_max = 1000;    // of a batch, saved by one call
  std::size_t batch_window_bytes_max = 1 << 20;
  std::size_t batch_windows_max = 4;  // of one batch, under way at once
  std::size_t gathered_bytes_max =
      512 << 20;  // of the unfinished long items of all batches; and of bodies for other threads
  std::size_t waiting_reads_max = 10'000;  // requests that wait for a worker: 503
  std::size_t unsent_bytes_max = 1 << 20;  // of an answer; above it, nothing more is taken in
  Admission::Options admission;
  IdempotencyTable::Options idempotency;

  std::string config_json = "{}";  // every setting and its value, as an object
};

struct ApiState;

/// The HTTP API of docs/http-api.md.
///
/// The way of a request: its target is routed (404, 405), its head checked (406, 415, …) by Receive, before the body is
/// read; then its handler answers, at once or later, and the request log is told.
///
/// Threads: as http::Application, and SetDraining from any. Ownership: close the server that serves it first, then the
/// service, workers and savers, which still report to it, then this. Cost: a known duplicate is answered within Handle,
/// without a copy of its content.
class Api final : public http::Application {
 public:
  Api(ApiParts parts, ApiOptions options);
  ~Api() override;

  [[nodiscard]] Plan Receive(const http::Request& request, std::string_view peer) override;
  void Handle(http::Exchange& exchange) override;
  [[nodiscard]] std::shared_ptr<http::StreamHandler> Open(const http::Request& request,
                                                          http::Stream& stream) override;
  [[nodiscard]] http::Response Problem(const http::ProtocolProblem& problem) override;

  /// From now on new saves are refused; what is read or waited for goes on.
  void SetDraining();

  [[nodiscard]] bool overloaded() const;
  /// A worker reads the whole store, whether or not whoever asked is still there.
  [[nodiscard]] bool verifying() const;
  /// Saves that were begun here and have not been answered.
  [[nodiscard]] std::size_t in_flight() const;

 private:
  const std::unique_ptr<ApiState> state_;
};

}  // namespace itemgate::server
