#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace itemgate {

/// Counts durations in buckets whose width grows with the duration, so that any quantile can be told to within 1.6 %.
///
/// One thread at a time: give each thread its own and merge them. Never fails; takes about 15 KiB whatever is recorded,
/// and allocates nothing.
class Histogram {
 public:
  /// Counts a duration `times` times. A negative one counts as zero.
  void Record(Duration duration, std::uint64_t times = 1);
  /// Adds all that `other` has counted.
  void Merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// The duration that `fraction` of all recorded durations do not exceed: 0.5 is the median. Zero if nothing was
  /// recorded. REQUIRES: 0 <= fraction <= 1.
  [[nodiscard]] Duration Quantile(double fraction) const;

 private:
  // Up to 32 ns a bucket is a nanosecond wide; above, each power of two is cut into 32 buckets.
  static constexpr int kSplitBits = 5;
  static constexpr std::size_t kSplit = std::size_t{1} << kSplitBits;
  static constexpr std::size_t kBucketCount = (63 - kSplitBits + 1) * kSplit;

  [[nodiscard]] static std::size_t BucketOf(std::uint64_t nanoseconds);
  [[nodiscard]] static Duration MiddleOf(std::size_t bucket);

  std::array<std::uint64_t, kBucketCount> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace itemgate
