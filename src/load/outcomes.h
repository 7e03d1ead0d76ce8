#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace itemgate::load {

/// What a server said about one item.
enum class ItemOutcome : std::uint8_t { kCreated, kDuplicate, kJoined, kInProgress, kRefused };
inline constexpr std::size_t kItemOutcomeCount = 5;

/// "in-progress".
[[nodiscard]] std::string_view ItemOutcomeName(ItemOutcome outcome);
/// The outcome called so in a header ("in-progress") or in a line of a batch ("in_progress"); any other word of theirs
/// ("failed", "rejected", …) is a refusal. Nothing if there is no word.
[[nodiscard]] std::optional<ItemOutcome> ItemOutcomeNamed(std::string_view name);

/// Counts of items by outcome.
struct Outcomes {
  std::array<std::uint64_t, kItemOutcomeCount> counts{};

  void Add(ItemOutcome outcome) { ++counts[static_cast<std::size_t>(outcome)]; }
  void Add(const Outcomes& other) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  }
  [[nodiscard]] std::uint64_t Of(ItemOutcome outcome) const {
    return counts[static_cast<std::size_t>(outcome)];
  }
  /// Items that are durable now: created, duplicate, joined.
  [[nodiscard]] std::uint64_t Saved() const {
    return Of(ItemOutcome::kCreated) + Of(ItemOutcome::kDuplicate) + Of(ItemOutcome::kJoined);
  }
  [[nodiscard]] std::uint64_t Total() const {
    return Saved() + Of(ItemOutcome::kInProgress) + Of(ItemOutcome::kRefused);
  }
};

}  // namespace itemgate::load
