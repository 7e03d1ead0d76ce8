#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/workload.h"
#include "cli/context.h"

namespace CLI {
class App;
}

namespace itemgate::cli {

/// What `itemgate bench --server` was asked for.
struct LoadSettings {
  std::string server;  // empty: not asked for
  std::string mode = "items";
  std::string framing = "ndjson";
  std::size_t connections = 64;
  std::optional<std::size_t> pipelined;  // 1, but 16 with a rate
  std::optional<double> rate;
  std::string arrivals = "poisson";
  std::vector<double> steps;
  std::optional<double> timeout_seconds;  // 10 in a closed loop, 1 in an open one
  int threads = 1;
  std::uint32_t distinct = 0;
  std::size_t content_bytes = kContentBytes;
  std::optional<std::uint32_t> run;  // another one each time

  // Of the options that it shares with the bench of this machine.
  std::vector<Workload> workloads;
  double seconds = 10;
  std::size_t stream_items = 0;  // 0: enough for the time
  std::size_t batch = 1000;
  std::string json_file;
  std::string plot_file;
};

/// Adds the options that need a server.
void AddLoadOptions(CLI::App& command, LoadSettings& settings);

/// Loads the server and reports. Blocks for as long as that takes.
ExitStatus RunLoadBench(Context& context, const LoadSettings& settings);

}  // namespace itemgate::cli
