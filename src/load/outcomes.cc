#include "load/outcomes.h"

namespace itemgate::load {

std::string_view ItemOutcomeName(ItemOutcome outcome) {
  static constexpr std::array<std::string_view, kItemOutcomeCount> kNames = {
      "created", "duplicate", "joined", "in-progress", "refused"};
  return kNames[static_cast<std::size_t>(outcome)];
}

std::optional<ItemOutcome> ItemOutcomeNamed(std::string_view name) {
  if (name.empty()) return std::nullopt;
  if (name == "created") return ItemOutcome::kCreated;
  if (name == "duplicate") return ItemOutcome::kDuplicate;
  if (name == "joined") return ItemOutcome::kJoined;
  if (name == "in-progress" || name == "in_progress") return ItemOutcome::kInProgress;
  return ItemOutcome::kRefused;
}

}  // namespace itemgate::load
