#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace itemgate {

static_assert(std::endian::native == std::endian::little,
              "disk formats are little-endian and stored as they lie in memory");

/// Reads an integer in little-endian order from bytes of any alignment.
template <std::integral T>
[[nodiscard]] T LoadLittle(const void* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// Reads an integer in big-endian order: unsigned ones compare as their bytes do.
template <std::integral T>
[[nodiscard]] T LoadBig(const void* bytes) {
  return std::byteswap(LoadLittle<T>(bytes));
}

/// Writes an integer in little-endian order to bytes of any alignment.
template <std::integral T>
void StoreLittle(void* bytes, T value) {
  std::memcpy(bytes, &value, sizeof value);
}

}  // namespace itemgate
