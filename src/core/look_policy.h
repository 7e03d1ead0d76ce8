#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace itemgate {

/// Decides whether a look into the seen cache pays before contents go to the store: if the share of them that it knows
/// is above the time of a look divided by the time of the store, all as measured lately. While it does not pay, a few
/// calls look all the same, so that a change is noticed. Small calls and large ones are measured apart.
///
/// Sans I/O. Threads: any; measurements that meet may get lost.
class LookPolicy {
 public:
  static constexpr std::size_t kManyKeys = 16;       // a call of so many is a large one
  static constexpr std::uint64_t kProbeEvery = 256;  // small calls
  static constexpr std::uint64_t kProbeEveryOfMany = 16;

  /// Whether a call with so many new contents should look.
  [[nodiscard]] bool ShouldLook(std::size_t key_count);

  void Looked(std::size_t key_count, std::size_t hit_count, Duration time);
  /// How long the store took for what it was given.
  void Saved(std::size_t item_count, Duration time);

 private:
  /// Relaxed: each stands alone.
  struct Measured {
    std::atomic<double> hit_share = 1;  // until the contrary is seen
    std::atomic<double> look_time =
        0;  // of a small call, or for each key of a large one; 0: not known yet
    std::atomic<double> save_time = 0;
    std::atomic<std::uint64_t> skipped = 0;  // calls that could have looked when it did not pay
  };

  [[nodiscard]] Measured& MeasuredOf(std::size_t count) { return count < kManyKeys ? few_ : many_; }

  Measured few_;
  Measured many_;
};

}  // namespace itemgate
