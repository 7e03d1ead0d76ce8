#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/simulated/simulated_backend.h"
#include "base/duration_text.h"
#include "itemgate/itemgate.h"
#include "net/thread_executor.h"

namespace itemgate::cli {

struct DemoOptions {
  DelayRange delay{std::chrono::seconds(2), std::chrono::seconds(2)};
  double refused_rate = 0;
  std::uint64_t seed = 1;
};

/// What a demo plays on: a slow backend, a service with its store in memory before it, and the threads of both.
class DemoStage {
 public:
  [[nodiscard]] static Result<std::unique_ptr<DemoStage>> Make(const DemoOptions& options);

  DemoStage(const DemoStage&) = delete;
  DemoStage& operator=(const DemoStage&) = delete;

  [[nodiscard]] ItemIntegrationService& service() { return itemgate_->service(); }
  [[nodiscard]] const SimulatedBackend& backend() const { return backend_; }
  /// Where the backend waits, and where the demo may.
  [[nodiscard]] Executor& executor() { return executor_; }

  /// What contradicts "each content reached the backend at most once, and `expected` items are there", a sentence each.
  [[nodiscard]] std::vector<std::string> FindProblems(std::uint64_t expected) const;

 private:
  explicit DemoStage(const DemoOptions& options);

  // In the order in which they rest on each other: the service ends first, the threads last.
  ThreadExecutor executor_;
  SimulatedBackend backend_;
  std::unique_ptr<Itemgate> itemgate_;
};

}  // namespace itemgate::cli
