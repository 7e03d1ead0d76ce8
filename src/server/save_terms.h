#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "itemgate/service.h"
#include "server/api_state.h"
#include "server/problem.h"
#include "server/request_head.h"

namespace itemgate::server {

/// How long a client wants to wait, and what it is told about that.
struct WaitTerms {
  Duration wait_max{};
  bool respond_async = false;      // no waiting at all
  std::string preference_applied;  // the header's value; empty: no preference was given
};
[[nodiscard]] WaitTerms WaitTermsOf(const RequestHead& head, const ApiOptions& options);

/// How one request wants its contents saved, by its path and head. Views into the request.
struct SaveTerms {
  Scope scope;
  IfInFlight if_in_flight = IfInFlight::kJoin;
  bool only_create = false;  // If-None-Match: *
  WaitTerms wait;
  std::optional<Instant> deadline;
  std::string_view media_type;      // as it was sent
  std::string_view content_digest;  // headers as they were sent; empty: none
  std::string_view repr_digest;
  std::optional<Digest> named;                      // by the path: the key's digest
  std::optional<std::string_view> idempotency_key;  // without its quotes
};
/// Fails with what the client must mend. `path_scope` is percent-encoded; empty: the path names none.
[[nodiscard]] std::expected<SaveTerms, Problem> ParseSaveTerms(const ApiOptions& options,
                                                               const RequestHead& head,
                                                               std::string_view path_scope,
                                                               Instant began);
/// Takes the key of a single save over; the problem if it is malformed. A batch has none.
[[nodiscard]] std::optional<Problem> TakeIdempotencyKey(const RequestHead& head, SaveTerms& terms);

/// The scope that path or header name, else the default one.
[[nodiscard]] std::expected<Scope, Problem> ScopeOf(const RequestHead& head,
                                                    std::string_view path_scope);

/// Checks the body against a Content-Digest or Repr-Digest (RFC 9530): each sha-256 and sha-512 in it, nothing else.
[[nodiscard]] std::optional<Problem> CheckDigest(std::string_view header, std::string_view body);

}  // namespace itemgate::server
