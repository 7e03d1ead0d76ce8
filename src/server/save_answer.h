#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "http/response.h"
#include "itemgate/content_key.h"
#include "itemgate/save_result.h"
#include "key/scope_loan.h"
#include "server/problem.h"
#include "server/save_terms.h"

namespace itemgate::server {

/// "{sha256}.{scope}": the name under which anybody can ask how the save of a content stands.
[[nodiscard]] std::string OperationName(const ContentKey& key);
/// What an operation's name says.
struct Operation {
  Digest digest;
  ScopeLoan scope;

  [[nodiscard]] ContentKey key() const { return {.digest = digest, .scope = scope.scope()}; }
};
/// A refusal with kNotFound if it is no such name.
[[nodiscard]] std::expected<Operation, Problem> ParseOperationName(std::string_view name);

/// "created", "duplicate", "joined", "in-progress", "rejected", …
[[nodiscard]] std::string_view OutcomeText(const SaveResult& result);
/// The status of a save that is answered for itself: 201, 200, 202, or that of its problem.
[[nodiscard]] int StatusOf(const SaveResult& result);

/// How a save was asked for, as far as its answer depends on it.
struct ReplyTerms {
  bool refuse_in_progress = false;  // 409 rather than 202 for what somebody else saves
  bool only_create = false;         // 412 rather than 200
  enum class Replayed : std::uint8_t { kNoKey, kFirst, kReplay } replayed = Replayed::kNoKey;
  std::string_view preference_applied;  // empty: no preference was given
};

/// The answer to one save. `operation` is needed unless it is saved or nothing was begun.
[[nodiscard]] std::expected<http::Response, Problem> SaveResponse(const SaveResult& result,
                                                                  const ReplyTerms& terms,
                                                                  std::string_view operation,
                                                                  Duration typical_delay);

/// When it makes sense to ask again about a save that takes so long; at least a second, at most a minute.
[[nodiscard]] std::chrono::seconds RetryAfter(Duration typical_delay);

}  // namespace itemgate::server
