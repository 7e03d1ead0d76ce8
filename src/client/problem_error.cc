#include "client/problem_error.h"

#include <algorithm>
#include <array>

namespace itemgate::client {
namespace {

struct Meaning {
  std::string_view code;
  ErrorCode error;
  Outcome outcome;
};

// docs/http-api.md has the table. What is not here goes by its status.
constexpr std::array<Meaning, 18> kMeanings{{
    {"too-large", ErrorCode::kTooLarge, Outcome::kRejected},
    {"not-canonical", ErrorCode::kNotCanonical, Outcome::kRejected},
    {"not-found", ErrorCode::kNotFound, Outcome::kRejected},
    {"already-exists", ErrorCode::kInvalidArgument, Outcome::kDuplicate},
    {"content-in-progress", ErrorCode::kUnavailable, Outcome::kInProgress},
    {"not-implemented", ErrorCode::kUnsupported, Outcome::kRejected},
    {"timeout", ErrorCode::kUnavailable, Outcome::kUnavailable},
    {"internal", ErrorCode::kUnknown, Outcome::kUnknown},
    {"save-failed", ErrorCode::kFailed, Outcome::kFailed},
    {"save-unknown", ErrorCode::kUnknown, Outcome::kUnknown},
    {"parked", ErrorCode::kParked, Outcome::kUnknown},
    {"resolve-unknown", ErrorCode::kUnknown, Outcome::kUnknown},
    {"overloaded", ErrorCode::kUnavailable, Outcome::kUnavailable},
    {"too-many-in-flight", ErrorCode::kUnavailable, Outcome::kUnavailable},
    {"draining", ErrorCode::kUnavailable, Outcome::kUnavailable},
    {"deadline-passed", ErrorCode::kUnavailable, Outcome::kUnavailable},
    {"store-unavailable", ErrorCode::kUnavailable, Outcome::kUnavailable},
    {"storage-full", ErrorCode::kStorageFull, Outcome::kFailed},
}};

Meaning MeaningOf(int status, std::string_view code) {
  const auto* found = std::ranges::find(kMeanings, code, &Meaning::code);
  if (found != kMeanings.end()) return *found;
  switch (status) {
    case 404:
      return {code, ErrorCode::kNotFound, Outcome::kRejected};
    case 408:
    case 429:
    case 503:
      return {code, ErrorCode::kUnavailable, Outcome::kUnavailable};
    case 413:
      return {code, ErrorCode::kTooLarge, Outcome::kRejected};
    case 501:
      return {code, ErrorCode::kUnsupported, Outcome::kRejected};
    default:
      break;
  }
  if (status >= 400 && status < 500) return {code, ErrorCode::kInvalidArgument, Outcome::kRejected};
  // A gateway between here and the server may say so after the server has saved.
  return {code, ErrorCode::kUnknown, Outcome::kUnknown};
}

}  // namespace

ErrorCode ErrorCodeOfProblem(int status, std::string_view code) {
  return MeaningOf(status, code).error;
}

Outcome OutcomeOfProblem(int status, std::string_view code) {
  return MeaningOf(status, code).outcome;
}

}  // namespace itemgate::client
