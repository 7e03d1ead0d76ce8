#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "itemgate/error.h"

namespace itemgate {

/// How a scope decides that two contents are the same.
enum class KeyStrategy : std::uint8_t {
  kBytes,  // byte equality
  kJson,   // equality of the canonical JSON form (RFC 8785)
};

/// The namespace within which a content is unique: a tenant, a feed, a source.
///
/// A scope is its name. A name that ends in `+json` compares contents as canonical JSON, every other name compares
/// bytes; so the strategy can never differ between two processes or two releases that use the same scope.
///
/// A handle of four bytes to a name that lives as long as the process; copy it freely, use it from any thread. A
/// process knows at most kCountMax scopes. Making a handle looks the name up; keep the handle where that matters.
class Scope {
 public:
  static constexpr std::size_t kNameBytesMax = 128;
  static constexpr std::size_t kCountMax = 1 << 20;
  static constexpr std::string_view kDefaultName = "default";

  /// The scope called "default".
  constexpr Scope() = default;

  /// The scope of that name: 1 to 128 characters out of `A-Z a-z 0-9 . _ ~ : @ + -`. Fails with kInvalidArgument for
  /// any other name, and with kBusy once kCountMax names are known.
  [[nodiscard]] static Result<Scope> Named(std::string_view name);

  [[nodiscard]] std::string_view name() const;
  [[nodiscard]] KeyStrategy strategy() const;
  [[nodiscard]] bool is_default() const { return index_ == 0; }

  friend constexpr bool operator==(Scope, Scope) = default;

 private:
  friend class ScopeLoan;
  friend struct ContentKeyHash;
  explicit constexpr Scope(std::uint32_t index) : index_(index) {}

  std::uint32_t index_ = 0;  // of the name in the process-wide table; never leaves the process
};

}  // namespace itemgate
