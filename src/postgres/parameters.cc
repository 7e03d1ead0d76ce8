#include "postgres/parameters.h"

#include <bit>
#include <concepts>
#include <cstring>
#include <utility>

namespace itemgate::postgres {
namespace {

constexpr std::size_t kArrayHeadBytes = 20;

// The wire is big-endian.
template <std::integral T>
void AppendBig(std::string& wire, T value) {
  const T big = std::byteswap(value);
  wire.append(reinterpret_cast<const char*>(&big), sizeof big);
}

template <std::integral T>
T TakeBig(std::string_view& wire) {
  T big;
  std::memcpy(&big, wire.data(), sizeof big);
  wire.remove_prefix(sizeof big);
  return std::byteswap(big);
}

std::unexpected<Error> NotAnArray() {
  return Fail(ErrorCode::kCorrupt, "PostgreSQL: the answer is not an array of integers");
}

}  // namespace

ArrayBuilder::ArrayBuilder(ElementType type, std::size_t count, std::size_t bytes_expected) {
  wire_.reserve(kArrayHeadBytes + count * sizeof(std::int32_t) + bytes_expected);
  AppendBig(wire_, std::int32_t{count == 0 ? 0 : 1});  // dimensions
  AppendBig(wire_, std::int32_t{0});                   // no nulls
  AppendBig(wire_, static_cast<std::uint32_t>(type));
  if (count == 0) return;
  AppendBig(wire_, static_cast<std::int32_t>(count));
  AppendBig(wire_, std::int32_t{1});  // the first index
}

void ArrayBuilder::Add(std::string_view bytes) {
  AppendBig(wire_, static_cast<std::int32_t>(bytes.size()));
  wire_ += bytes;
}

void ArrayBuilder::Add(std::int64_t integer) {
  AppendBig(wire_, std::int32_t{sizeof integer});
  AppendBig(wire_, integer);
}

Parameters& Parameters::Add(std::int64_t integer) {
  AppendBig(wires_.emplace_back(), integer);
  return *this;
}

Parameters& Parameters::Add(std::string_view text) {
  wires_.emplace_back(text);
  return *this;
}

Parameters& Parameters::AddWire(std::string bytes) {
  wires_.push_back(std::move(bytes));
  return *this;
}

std::size_t Parameters::bytes() const {
  std::size_t total = 0;
  for (const std::string& wire : wires_) total += wire.size();
  return total;
}

std::optional<std::int64_t> ReadInteger(std::string_view wire) {
  if (wire.size() == sizeof(std::int64_t)) return TakeBig<std::int64_t>(wire);
  if (wire.size() == sizeof(std::int32_t)) return TakeBig<std::int32_t>(wire);
  return std::nullopt;
}

Result<std::vector<std::optional<std::int64_t>>> ReadIntegers(std::string_view wire) {
  std::vector<std::optional<std::int64_t>> integers;
  if (wire.size() < 12) return NotAnArray();
  const auto dimensions = TakeBig<std::int32_t>(wire);
  TakeBig<std::int32_t>(wire);  // whether there are nulls; the elements say it themselves
  const auto type = TakeBig<std::uint32_t>(wire);
  if (type != std::to_underlying(ElementType::kInteger)) return NotAnArray();
  if (dimensions == 0) return integers;
  if (dimensions != 1 || wire.size() < 8) return NotAnArray();
  const auto count = TakeBig<std::int32_t>(wire);
  TakeBig<std::int32_t>(wire);
  if (count < 0 || static_cast<std::size_t>(count) > wire.size() / sizeof(std::int32_t))
    return NotAnArray();
  integers.reserve(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) {
    if (wire.size() < sizeof(std::int32_t)) return NotAnArray();
    const auto length = TakeBig<std::int32_t>(wire);
    if (length == -1) {
      integers.emplace_back();
      continue;
    }
    if (length != sizeof(std::int64_t) || wire.size() < sizeof(std::int64_t)) return NotAnArray();
    integers.emplace_back(TakeBig<std::int64_t>(wire));
  }
  if (!wire.empty()) return NotAnArray();
  return integers;
}

}  // namespace itemgate::postgres
