#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/error.h"

namespace itemgate::postgres {

/// Types of elements of arrays. The numbers are PostgreSQL's own object ids (pg_type.dat) and do not change.
enum class ElementType : std::uint32_t { kBytes = 17, kInteger = 20, kText = 25 };

/// Builds a one-dimensional array without nulls, as the wire has it in binary. One thread.
class ArrayBuilder {
 public:
  /// REQUIRES: exactly `count` elements are added.
  ArrayBuilder(ElementType type, std::size_t count, std::size_t bytes_expected = 0);

  void Add(std::string_view bytes);
  void Add(std::int64_t integer);

  [[nodiscard]] std::string Take() { return std::move(wire_); }

 private:
  std::string wire_;
};

/// The parameters of one statement in binary: $1 is the first that was added. Their types must be those that the
/// statement asks for ($1::bigint, $2::bytea[]). One thread.
class Parameters {
 public:
  Parameters& Add(std::int64_t integer);   // bigint
  Parameters& Add(std::string_view text);  // bytea or text
  Parameters& AddWire(std::string bytes);  // what an ArrayBuilder built

  [[nodiscard]] std::span<const std::string> wires() const { return wires_; }
  /// What they take on the wire, about.
  [[nodiscard]] std::size_t bytes() const;

 private:
  std::vector<std::string> wires_;
};

/// Reads a bigint or integer as the wire has it in binary; nothing if it is neither.
[[nodiscard]] std::optional<std::int64_t> ReadInteger(std::string_view wire);

/// Reads a bigint[] as the wire has it in binary. Fails with kCorrupt for anything else.
[[nodiscard]] Result<std::vector<std::optional<std::int64_t>>> ReadIntegers(std::string_view wire);

}  // namespace itemgate::postgres
