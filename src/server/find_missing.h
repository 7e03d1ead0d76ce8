#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "itemgate/content_key.h"
#include "key/scope_loan.h"
#include "server/problem.h"

namespace itemgate::server {

/// What POST /v1/contents:findMissing asks for.
struct FindMissing {
  static constexpr std::size_t kDigestsMax = 10'000;

  ScopeLoan scope;
  std::vector<ContentKey> keys;  // as they were asked for; not to be used after the loan
};

/// Reads the body of such a request: a scope, if it names one, and digests. `scope` is that of Item-Scope, if there is
/// one; a body that names another is refused. What is wrong with the JSON goes before what is wrong with what it says.
[[nodiscard]] std::expected<FindMissing, Problem> ReadFindMissing(std::string_view body,
                                                                  std::optional<ScopeLoan> scope);

}  // namespace itemgate::server
