#include "cli/demo_stage.h"

#include <set>
#include <string_view>

#include <fmt/format.h>

namespace itemgate::cli {

namespace {
constexpr int kBackendThreads = 2;
}

Result<std::unique_ptr<DemoStage>> DemoStage::Make(const DemoOptions& options) {
  std::unique_ptr<DemoStage> stage(new DemoStage(options));
  auto opened = Open({.backend = &stage->backend_});
  if (!opened) return std::unexpected(opened.error());
  stage->itemgate_ = *std::move(opened);
  return stage;
}

DemoStage::DemoStage(const DemoOptions& options)
    : executor_("backend", kBackendThreads),
      backend_(executor_, {.delay_min = options.delay.min,
                           .delay_max = options.delay.max,
                           .refused_rate = options.refused_rate,
                           .seed = options.seed}) {}

std::vector<std::string> DemoStage::FindProblems(std::uint64_t expected) const {
  std::vector<std::string> problems;
  const auto records = backend_.GetAllItems();
  if (records.size() != expected)
    problems.push_back(
        fmt::format("the backend's list has {} items, not {}", records.size(), expected));
  std::set<std::string_view> contents;
  for (const auto& record : records) contents.insert(record.content);
  if (contents.size() != records.size())
    problems.push_back(fmt::format("the backend's list has {} items, but only {} contents",
                                   records.size(), contents.size()));
  return problems;
}

}  // namespace itemgate::cli
