#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace itemgate::redis {

inline constexpr std::uint16_t kClusterSlots = 16'384;

/// The slot of a key in a Redis Cluster: CRC16 (XMODEM) of its hash tag, if it has one, else of all of it.
/// Source: the Redis Cluster specification, "Keys distribution model" and "Hash tags".
[[nodiscard]] std::uint16_t ClusterSlot(std::string_view key);

/// Which of several independent nodes has the key, by rendezvous hashing (highest random weight; Thaler and
/// Ravishankar, 1998): when a node is added or leaves, only its own keys move. The same on every machine; names are
/// those that operators give, such as "host:port". Costs a hash for each node. REQUIRES: nodes are not empty.
[[nodiscard]] std::size_t RendezvousNode(std::string_view key, std::span<const std::string> nodes);

}  // namespace itemgate::redis
