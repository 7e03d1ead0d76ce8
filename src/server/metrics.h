#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/server.h"
#include "itemgate/item.h"
#include "itemgate/service.h"
#include "itemgate/store.h"
#include "obs/process.h"
#include "server/request_counts.h"

namespace itemgate::server {

/// All that is told about the running service, at one time.
struct MetricsSnapshot {
  std::string version;
  WallTime started_at;
  bool ready = false;
  bool draining = false;
  bool reload_failed = false;  // the last one
  std::uint64_t log_lines_dropped = 0;

  std::vector<RequestCounts::Series> requests;
  http::ServerStatistics http;
  ServiceStatistics service;
  // Of the store; nothing: nobody knows.
  std::optional<std::uint64_t> parked;    // contents
  std::optional<std::uint64_t> orphaned;  // claims
  StoreStatistics store;
  ProcessStatistics process;
};

/// The exposition format of Prometheus, version 0.0.4. The names are stable: docs/operations.md lists them.
[[nodiscard]] std::string MetricsText(const MetricsSnapshot& snapshot);

/// Of MetricsText.
inline constexpr const char* kMetricsMediaType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace itemgate::server
