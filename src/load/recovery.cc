#include "load/recovery.h"

#include <algorithm>
#include <cstdint>

namespace itemgate::load {
namespace {

constexpr Duration kGoodTime = std::chrono::seconds(1);
constexpr double kSucceededShareMin = 0.9;  // of the rate
constexpr double kFailedShareMax = 0.01;

}  // namespace

std::optional<Duration> RecoveryTime(std::span<const Stretch> stretches, Duration stretch,
                                     double rate) {
  const auto count = static_cast<std::size_t>(
      std::max<std::int64_t>(1, (kGoodTime + stretch - Duration(1)) / stretch));
  const double due =
      rate * std::chrono::duration<double>(stretch).count() * static_cast<double>(count);
  for (std::size_t first = 0; first + count <= stretches.size(); ++first) {
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    for (const Stretch& part : stretches.subspan(first, count)) {
      succeeded += part.succeeded;
      failed += part.failed;
    }
    if (static_cast<double>(succeeded) >= kSucceededShareMin * due &&
        static_cast<double>(failed) <= kFailedShareMax * due)
      return static_cast<std::int64_t>(first) * stretch;
  }
  return std::nullopt;
}

}  // namespace itemgate::load
