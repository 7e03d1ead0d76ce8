#pragma once

#include <bit>
#include <cstdint>

namespace itemgate::redlock {

/// The most nodes a lock may have; more would only cost.
inline constexpr int kNodesMax = 31;

/// A set of the nodes of a factory, each by its number from 0.
class NodeSet {
 public:
  constexpr NodeSet() = default;
  constexpr explicit NodeSet(std::uint32_t bits) : bits_(bits) {}
  /// The nodes 0 to count - 1. REQUIRES: 0 <= count <= kNodesMax.
  [[nodiscard]] static constexpr NodeSet First(int count) {
    return NodeSet((std::uint32_t{1} << count) - 1);
  }
  [[nodiscard]] static constexpr NodeSet Of(int node) { return NodeSet(std::uint32_t{1} << node); }

  [[nodiscard]] constexpr int count() const { return std::popcount(bits_); }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr bool Contains(int node) const { return ((bits_ >> node) & 1) != 0; }
  constexpr void Add(int node) { bits_ |= Of(node).bits_; }
  constexpr void Remove(int node) { bits_ &= ~Of(node).bits_; }

  friend constexpr NodeSet operator|(NodeSet a, NodeSet b) { return NodeSet(a.bits_ | b.bits_); }
  friend constexpr NodeSet operator&(NodeSet a, NodeSet b) { return NodeSet(a.bits_ & b.bits_); }
  friend constexpr NodeSet operator-(NodeSet a, NodeSet b) { return NodeSet(a.bits_ & ~b.bits_); }
  friend constexpr bool operator==(NodeSet, NodeSet) = default;

  /// Calls `visit` with each node, in ascending order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (std::uint32_t left = bits_; left != 0; left &= left - 1) visit(std::countr_zero(left));
  }

 private:
  std::uint32_t bits_ = 0;
};

}  // namespace itemgate::redlock
