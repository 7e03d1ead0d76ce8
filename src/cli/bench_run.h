#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bench/report.h"
#include "bench/workload.h"
#include "itemgate/error.h"

namespace itemgate::cli {

/// One case to measure.
struct BenchCase {
  Workload workload = Workload::kW1;
  int callers = 1;
  std::size_t items_per_call = 1;
};

struct BenchRunOptions {
  std::string directory;  // where the stores are made and removed again
  std::string database;   // for all durable cases instead, if not empty; they must not meet there
  Duration time_max = std::chrono::seconds(2);
  std::size_t stream_items = 4'000'000;
};

/// Measures cases one after the other, each on a store of its own that is new and empty. One thread.
class BenchRun {
 public:
  /// `clock` must outlive the run.
  BenchRun(const Clock& clock, BenchRunOptions options);

  /// Blocks for as long as the measuring takes. Figures that cannot be trusted, because not every content was saved
  /// exactly once, carry a problem; an error means that nothing could be measured at all.
  [[nodiscard]] Result<CaseResult> Measure(const BenchCase& bench_case,
                                           const std::stop_token& stop);

 private:
  [[nodiscard]] const std::vector<std::uint32_t>& StreamOf(Workload workload);

  const Clock& clock_;
  const BenchRunOptions options_;
  std::optional<Workload> stream_workload_;  // of `stream_`
  std::vector<std::uint32_t> stream_;
};

}  // namespace itemgate::cli
