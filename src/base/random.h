#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace itemgate {

/// A seeded generator (SplitMix64; Steele, Lea, Flood, OOPSLA 2014). The same seed gives the same numbers on every
/// machine. Not for secrets. One thread at a time.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  /// In [0, bound), evenly but for a bias of at most bound / 2^64. REQUIRES: bound > 0.
  [[nodiscard]] std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }

  /// Evenly in [0, 1).
  [[nodiscard]] double Fraction() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

/// 64 bits that nobody can guess, from the operating system.
[[nodiscard]] std::uint64_t UnpredictableSeed();

/// The same for many bytes; one system call for each 256.
void FillUnpredictable(std::span<std::byte> bytes);

}  // namespace itemgate
