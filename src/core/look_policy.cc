#include "core/look_policy.h"

namespace itemgate {
namespace {

constexpr double kWeight = 1.0 / 16;  // of the newest measurement

void Follow(std::atomic<double>& average, double measured) {
  const double before = average.load(std::memory_order_relaxed);
  average.store(before + (measured - before) * kWeight, std::memory_order_relaxed);
}

void FollowTime(std::atomic<double>& average, std::size_t count, Duration time) {
  const double units = count < LookPolicy::kManyKeys ? 1 : static_cast<double>(count);
  const double measured = static_cast<double>(time.count()) / units;
  if (average.load(std::memory_order_relaxed) > 0) return Follow(average, measured);
  average.store(measured, std::memory_order_relaxed);
}

}  // namespace

bool LookPolicy::ShouldLook(std::size_t key_count) {
  Measured& measured = MeasuredOf(key_count);
  const double save_time = measured.save_time.load(std::memory_order_relaxed);
  const double saved_by_it = measured.hit_share.load(std::memory_order_relaxed) * save_time;
  if (save_time == 0 || saved_by_it > measured.look_time.load(std::memory_order_relaxed))
    return true;
  const std::uint64_t every = key_count < kManyKeys ? kProbeEvery : kProbeEveryOfMany;
  return (measured.skipped.fetch_add(1, std::memory_order_relaxed) + 1) % every == 0;
}

void LookPolicy::Looked(std::size_t key_count, std::size_t hit_count, Duration time) {
  Measured& measured = MeasuredOf(key_count);
  Follow(measured.hit_share, static_cast<double>(hit_count) / static_cast<double>(key_count));
  FollowTime(measured.look_time, key_count, time);
}

void LookPolicy::Saved(std::size_t item_count, Duration time) {
  FollowTime(MeasuredOf(item_count).save_time, item_count, time);
}

}  // namespace itemgate
