#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace itemgate {

/// The streams of contents that are measured, as docs/benchmarks.md describes them.
enum class Workload : std::uint8_t {
  kW1,  // half duplicates: both copies of a content lie in the same 4096 items, shuffled; durable
  kW2,  // the stream of W1, nothing durable
  kW3,  // all distinct, durable
  kW4,  // 99 % duplicates, zipf 0.99 over one content for every hundred items; durable
};

inline constexpr std::array kAllWorkloads = {Workload::kW1, Workload::kW2, Workload::kW3,
                                             Workload::kW4};

/// "W1".
[[nodiscard]] std::string_view WorkloadName(Workload workload);
/// A few words for a person: "half duplicates, durable".
[[nodiscard]] std::string_view WorkloadMeaning(Workload workload);
/// The workload called `name`, in either case; or nothing.
[[nodiscard]] std::optional<Workload> WorkloadNamed(std::string_view name);
[[nodiscard]] bool IsDurable(Workload workload);

inline constexpr std::size_t kContentBytes = 256;

/// Writes the content of that number: JSON-like text that depends on the number only.
void FillContent(std::uint32_t number, std::span<char, kContentBytes> content);

/// The numbers of the contents to send, in order. The same for everyone who measures these workloads: it depends on the
/// workload and, in W4, on the length of the stream.
[[nodiscard]] std::vector<std::uint32_t> MakeStream(Workload workload, std::size_t count);

/// How many different numbers there are among those.
[[nodiscard]] std::uint64_t CountDistinct(std::span<const std::uint32_t> numbers);

}  // namespace itemgate
