#include "obs/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"

namespace itemgate {

void Histogram::Record(Duration duration, std::uint64_t times) {
  buckets_[BucketOf(static_cast<std::uint64_t>(std::max(duration, Duration::zero()).count()))] +=
      times;
  count_ += times;
}

void Histogram::Merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
}

Duration Histogram::Quantile(double fraction) const {
  ITEMGATE_CHECK(fraction >= 0);
  ITEMGATE_CHECK(fraction <= 1);
  if (count_ == 0) return Duration::zero();
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_))));
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    passed += buckets_[i];
    if (passed >= rank) return MiddleOf(i);
  }
  return MiddleOf(buckets_.size() - 1);
}

std::size_t Histogram::BucketOf(std::uint64_t nanoseconds) {
  if (nanoseconds < kSplit) return nanoseconds;
  // The highest bit chooses the power of two, the five bits below it the bucket within.
  const int shift = static_cast<int>(std::bit_width(nanoseconds)) - 1 - kSplitBits;
  return static_cast<std::size_t>(shift + 1) * kSplit + ((nanoseconds >> shift) & (kSplit - 1));
}

Duration Histogram::MiddleOf(std::size_t bucket) {
  if (bucket < kSplit) return Duration(bucket);
  const std::size_t shift = bucket / kSplit - 1;
  const std::uint64_t lowest = (kSplit + bucket % kSplit) << shift;
  return Duration(lowest + (std::uint64_t{1} << shift) / 2);
}

}  // namespace itemgate
