#pragma once

#include <atomic>
#include <cstdint>

namespace itemgate::seen {

/// Whether to look at all: while less than a share of the last keys was known, only one question of sixteen is asked.
/// A look-up that finds nothing costs a round trip in vain; asking the store for a duplicate is merely slower.
class Thrift {
 public:
  /// 0: always look.
  explicit Thrift(double hit_share_min) : hit_share_min_(hit_share_min) {}

  /// For each question. Any thread.
  [[nodiscard]] bool Pays() {
    if (!is_frugal_.load(std::memory_order_relaxed)) return true;
    return questions_.fetch_add(1, std::memory_order_relaxed) % kSampling == 0;
  }

  /// How many keys were answered, and how many of them were known. One thread.
  void Learn(std::uint64_t answered, std::uint64_t known) {
    answered_ += answered;
    known_ += known;
    const double share = static_cast<double>(known_) / static_cast<double>(answered_ + 1);
    is_frugal_.store(answered_ >= kWindow / 2 && share < hit_share_min_, std::memory_order_relaxed);
    if (answered_ < kWindow) return;
    answered_ = kWindow / 2;  // forgets by and by
    known_ = static_cast<std::uint64_t>(share * (kWindow / 2));
  }

  static constexpr std::uint64_t kSampling = 16;
  static constexpr std::uint64_t kWindow = 1024;  // keys

 private:
  const double hit_share_min_;
  // Relaxed: whoever decides on what was learnt a moment ago decides as well.
  std::atomic<bool> is_frugal_{false};
  std::atomic<std::uint64_t> questions_{0};
  std::uint64_t answered_ = 0;
  std::uint64_t known_ = 0;
};

}  // namespace itemgate::seen
