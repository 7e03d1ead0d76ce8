#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "bench/workload.h"

namespace itemgate {

/// The figures of one case: one workload, so many callers, so many items in a call.
struct CaseResult {
  Workload workload = Workload::kW1;
  int callers = 1;
  std::size_t items_per_call = 1;

  std::uint64_t items = 0;  // answered
  std::uint64_t created = 0;
  std::uint64_t duplicates = 0;
  Duration elapsed{};
  Duration latency_p50{};
  Duration latency_p99{};
  std::uint64_t syncs = 0;             // of the disk, meanwhile
  std::uint64_t bytes = 0;             // on disk, or on the heap if nothing is durable
  bool interrupted = false;            // before its time was over; the figures are of `elapsed`
  std::optional<std::string> problem;  // why the figures are not to be trusted

  [[nodiscard]] double ItemsPerSecond() const;
  [[nodiscard]] double SyncsPerSecond() const;
  [[nodiscard]] double BytesPerItem() const;  // for each created item
};

/// "64 callers", "4 x batch 1000".
[[nodiscard]] std::string CaseName(const CaseResult& result);

/// The table for a terminal, line by line and without line feeds, so that each can be shown as soon as it is known.
[[nodiscard]] std::string TableHead();
[[nodiscard]] std::string TableRow(const CaseResult& result);

/// "peer=itemgate_sync workload=W1 clients=64 items_per_s=… p50_us=… p99_us=… bytes_per_item=… …": the line in which
/// programs that measure the same work print their figures.
[[nodiscard]] std::string PeerLine(const CaseResult& result);

/// All results as one JSON document.
[[nodiscard]] std::string ReportJson(std::span<const CaseResult> results, std::string_view version);

}  // namespace itemgate
