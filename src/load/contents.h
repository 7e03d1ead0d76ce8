#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workload.h"

namespace itemgate::load {

/// Which contents are sent, in which order.
struct ContentOptions {
  Workload workload = Workload::kW1;
  std::size_t stream_items = 1'000'000;  // length of the workload's stream; then the sending ends
  std::uint32_t distinct = 0;  // above 0: instead of a workload, so many contents over and over
  std::uint32_t run =
      0;  // contents of different runs differ; those of run 0 are the workload's own
  std::size_t bytes = kContentBytes;  // of each; at least kLoadContentBytesMin
};

inline constexpr std::size_t kLoadContentBytesMin = 24;

/// The contents of one load, shared by those who send it. Immutable, so safe from any thread.
class Contents {
 public:
  explicit Contents(const ContentOptions& options);

  /// The number of the content in that place of the order; nothing behind the end.
  [[nodiscard]] std::optional<std::uint32_t> NumberAt(std::size_t place) const;
  /// Appends the content of that number. REQUIRES: NumberAt gives it somewhere.
  void Append(std::uint32_t number, std::string& out) const;
  /// Appends one of these contents as a JSON string: quicker than escaping any text, as all are escaped in the same
  /// places.
  void AppendJson(std::string_view content, std::string& out) const;

  [[nodiscard]] std::size_t bytes() const { return options_.bytes; }

  /// How many different contents there are in the places i, i + n, i + 2n, … of which `taken[i]` were sent, n being the
  /// size of `taken`.
  [[nodiscard]] std::uint64_t CountDistinct(std::span<const std::size_t> taken) const;

 private:
  void Make(std::uint32_t number, std::span<char> content) const;

  const ContentOptions options_;
  std::vector<std::uint32_t> stream_;
  std::vector<std::size_t>
      quotes_;        // where each content has a quotation mark; nothing else needs escaping
  std::string made_;  // the contents of a `distinct`, one after the other, unless they are too many
};

}  // namespace itemgate::load
