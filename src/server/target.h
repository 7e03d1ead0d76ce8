#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "itemgate/content_key.h"
#include "itemgate/scope.h"
#include "key/scope_loan.h"
#include "server/problem.h"
#include "server/route_table.h"

namespace itemgate::server {

/// Undoes percent-encoding, once. Nothing if a '%' has no two hexadecimal digits behind it.
[[nodiscard]] std::optional<std::string> PercentDecoded(std::string_view text);

/// A decimal number without sign, leading zeros or anything else.
[[nodiscard]] std::optional<std::uint64_t> ParseNumber(std::string_view text);

/// The digest of a path, which may be percent-encoded.
[[nodiscard]] std::expected<Digest, Problem> ParseDigest(std::string_view part);

/// The scope of that name; the refusal names `where` it stood.
[[nodiscard]] std::expected<Scope, Problem> ScopeNamed(std::string_view name,
                                                       std::string_view where);
/// The same for a look-up, which makes no name known.
[[nodiscard]] std::expected<ScopeLoan, Problem> ScopeToRead(std::string_view name,
                                                            std::string_view where);

/// The parameters of a query, percent-decoded. A plus sign stands for itself.
class Query {
 public:
  /// Fails with kInvalidArgument for a parameter that the route does not have, stands twice, or is wrongly encoded.
  [[nodiscard]] static std::expected<Query, Problem> Parse(std::string_view query,
                                                           std::span<const Parameter> known);

  [[nodiscard]] std::optional<std::string_view> Find(std::string_view name) const;

  /// `otherwise` if there is no such parameter; fails with kInvalidArgument unless it is a number up to `max`.
  struct NumberBounds {
    std::uint64_t otherwise;
    std::uint64_t min;
    std::uint64_t max;
  };
  [[nodiscard]] std::expected<std::uint64_t, Problem> Number(std::string_view name,
                                                             NumberBounds bounds) const;
  /// `otherwise` if there is no such parameter; fails with kInvalidArgument unless it is "true" or "false".
  [[nodiscard]] std::expected<bool, Problem> Flag(std::string_view name, bool otherwise) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace itemgate::server
