#include "redis/key_place.h"

#include <array>

#include "base/check.h"
#include "base/random.h"

namespace itemgate::redis {
namespace {

constexpr std::uint16_t kPolynomial = 0x1021;

constexpr std::array<std::uint16_t, 256> kCrcOfByte = [] {
  std::array<std::uint16_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ kPolynomial : crc << 1;
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}();

std::uint16_t Crc16(std::string_view bytes) {
  std::uint32_t crc = 0;
  for (const char byte : bytes)
    crc = ((crc << 8) & 0xFFFF) ^ kCrcOfByte[(crc >> 8) ^ static_cast<unsigned char>(byte)];
  return static_cast<std::uint16_t>(crc);
}

/// FNV-1a; its weak spots do not matter, since SplitMix64 mixes what comes out.
std::uint64_t HashOf(std::string_view bytes, std::uint64_t hash = 0xCBF29CE484222325u) {
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
  return hash;
}

}  // namespace

std::uint16_t ClusterSlot(std::string_view key) {
  if (const std::size_t open = key.find('{'); open != key.npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != key.npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return Crc16(key) % kClusterSlots;
}

std::size_t RendezvousNode(std::string_view key, std::span<const std::string> nodes) {
  ITEMGATE_CHECK(!nodes.empty());
  const std::uint64_t key_hash = HashOf(key);
  std::size_t best = 0;
  std::uint64_t best_weight = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::uint64_t weight = Random(HashOf(nodes[i]) ^ Random(key_hash).Next()).Next();
    if (i > 0 && weight <= best_weight) continue;
    best = i;
    best_weight = weight;
  }
  return best;
}

}  // namespace itemgate::redis
