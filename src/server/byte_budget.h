#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace itemgate::server {

/// A number of bytes that many share. From any thread.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// What one of them has taken; gives it back when it is destroyed.
  class Share {
   public:
    explicit Share(ByteBudget& budget) : budget_(budget) {}
    ~Share() { GiveBack(); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    /// Takes more, so that it is `bytes` in all. False if there is not so much left; then nothing changes.
    [[nodiscard]] bool GrowTo(std::size_t bytes) {
      if (bytes <= bytes_) return true;
      if (!budget_.Take(bytes - bytes_)) return false;
      bytes_ = bytes;
      return true;
    }
    void GiveBack() {
      budget_.taken_.fetch_sub(std::exchange(bytes_, 0), std::memory_order_relaxed);
    }

   private:
    ByteBudget& budget_;
    std::size_t bytes_ = 0;
  };

 private:
  [[nodiscard]] bool Take(std::size_t bytes) {
    if (taken_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_) return true;
    taken_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }

  const std::size_t bytes_max_;
  std::atomic<std::size_t> taken_ = 0;  // a number and nothing else, so relaxed
};

}  // namespace itemgate::server
