#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "server/request_head.h"

namespace itemgate::server {

/// Makes the ids of requests that bring none: 13 characters, different for each, and unlike those of other processes.
/// From any thread; costs a few multiplications.
class RequestIds {
 public:
  static constexpr std::size_t kBytes = 13;
  using Text = std::array<char, kBytes>;

  explicit RequestIds(std::uint64_t seed) : next_(seed) {}

  /// That of the request, if it brings one, else a new one, in `made`.
  std::string_view Choose(const RequestHead& head, Text& made) {
    const std::string_view given = head[Header::kXRequestId];
    return IsRequestId(given) ? given : Write(made);
  }

  std::string_view Write(Text& text) {
    constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
    // The steps of SplitMix64 are one-to-one, so different numbers give different ids.
    std::uint64_t number = next_.fetch_add(0x9E3779B97F4A7C15u, std::memory_order_relaxed);
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9u;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EBu;
    number ^= number >> 31;
    for (char& c : text) {
      c = kDigits[number & 31];
      number >>= 5;
    }
    return {text.data(), text.size()};
  }

 private:
  std::atomic<std::uint64_t> next_;  // relaxed: only needs to be different each time
};

}  // namespace itemgate::server
