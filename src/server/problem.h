#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/application.h"
#include "http/response.h"
#include "itemgate/error.h"
#include "itemgate/item.h"
#include "itemgate/save_result.h"

namespace itemgate::server {

/// What went wrong, as clients are told. The names and statuses are in one table and never change (docs/http-api.md).
enum class ProblemCode : std::uint8_t {
  kInvalidArgument,
  kInvalidUtf8,
  kInvalidJson,
  kJsonTooDeep,
  kUnknownField,
  kInvalidContent,
  kEmptyContent,
  kDigestMismatch,
  kOtherContent,
  kKeyInvalid,
  kFromWebPage,
  kNotFound,
  kMethodNotAllowed,
  kNotAcceptable,
  kContentInProgress,
  kRequestInProgress,
  kParked,
  kAlreadyExists,
  kTooLarge,
  kUnsupportedType,
  kUnsupportedEncoding,
  kNotCanonical,
  kKeyReused,
  kInternal,
  kNotImplemented,
  kSaveFailed,
  kSaveUnknown,
  kResolveUnknown,
  kOverloaded,
  kTooManyInFlight,
  kDraining,
  kDeadlinePassed,
  kStoreUnavailable,
  kStorageFull,
};

struct ProblemKind {
  ProblemCode code;
  std::string_view name;  // "not-found"
  int status;
  std::string_view title;
  bool retryable;  // the same request may succeed later
  std::string_view public_detail =
      {};  // of what went wrong inside: the true reason may name files, and is for the log
};

[[nodiscard]] const ProblemKind& KindOf(ProblemCode code);
/// All of them, in the order of the codes.
[[nodiscard]] std::span<const ProblemKind> AllProblems();

/// One refusal: what happened and what to do, in a sentence that never repeats what was sent.
struct Problem {
  ProblemCode code;
  std::string detail;                   // of what went wrong inside: for the log
  ItemId item_id;                       // 0: none
  std::string operation;                // empty: none
  std::chrono::seconds retry_after{0};  // 0: a second for those that are retryable later, else none
};

/// What the client is told.
[[nodiscard]] std::string_view PublicDetail(const Problem& problem);

/// The answer of RFC 9457. `trace_id` may be empty.
[[nodiscard]] http::Response ProblemResponse(const Problem& problem, std::string_view request_id,
                                             std::string_view trace_id);
/// The same for what is not in the table.
[[nodiscard]] http::Response ProblemResponse(const http::ProtocolProblem& problem,
                                             std::string_view request_id);

/// What an error of a look-up or of a parameter means to a client.
[[nodiscard]] Problem ProblemOf(const Error& error);

/// Why a save did not make or find an item. REQUIRES: it did neither, and is not in progress.
[[nodiscard]] Problem ProblemOf(const SaveResult& result);

}  // namespace itemgate::server
