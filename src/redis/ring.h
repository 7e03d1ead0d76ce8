#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/check.h"

namespace itemgate::redis {

/// A queue over one array that grows by doubling and never shrinks: no allocation once it has grown.
template <typename T>
class Ring {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// From the oldest on. REQUIRES: index < size().
  [[nodiscard]] T& operator[](std::size_t index) { return places_[PlaceOf(index)]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return places_[PlaceOf(index)]; }

  void PushBack(T value) {
    if (size_ == places_.size()) Grow();
    places_[PlaceOf(size_)] = std::move(value);
    ++size_;
  }
  /// Takes the oldest. REQUIRES: not empty.
  T PopFront() {
    ITEMGATE_CHECK(size_ > 0);
    T value = std::exchange(places_[first_], T{});
    first_ = PlaceOf(1);
    --size_;
    return value;
  }

 private:
  [[nodiscard]] std::size_t PlaceOf(std::size_t index) const {
    return (first_ + index) & (places_.size() - 1);
  }
  void Grow() {
    std::vector<T> larger(places_.empty() ? 16 : 2 * places_.size());  // always a power of two
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(places_[PlaceOf(i)]);
    places_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> places_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace itemgate::redis
