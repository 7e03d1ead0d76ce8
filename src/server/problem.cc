#include "server/problem.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/json_writer.h"

namespace itemgate::server {
namespace {

constexpr bool kFinal = false;
constexpr bool kRetryable = true;

using enum ProblemCode;
constexpr auto kProblems = std::to_array<ProblemKind>({
    {kInvalidArgument, "invalid_argument", 400, "A parameter or header is not valid", kFinal},
    {kInvalidUtf8, "invalid_utf8", 400, "The JSON is not UTF-8", kFinal},
    {kInvalidJson, "invalid_json", 400, "The JSON is not well-formed", kFinal},
    {kJsonTooDeep, "json_too_deep", 400, "The JSON is nested too deeply", kFinal},
    {kUnknownField, "unknown_field", 400, "The JSON has a field that is not known", kFinal},
    {kInvalidContent, "invalid_content", 400, "The JSON describes no content", kFinal},
    {kEmptyContent, "empty-content", 400, "The content is empty", kFinal},
    {kDigestMismatch, "digest-mismatch", 400, "The digest is not that of the body", kFinal},
    {kOtherContent, "other-content", 422, "The content is not the one that the path names", kFinal},
    {kKeyInvalid, "key-invalid", 400, "The Idempotency-Key is not valid", kFinal},
    {kFromWebPage, "from-web-page", 403, "A web page may not ask for this", kFinal},
    {kNotFound, "not-found", 404, "There is no such thing", kFinal},
    {kMethodNotAllowed, "method-not-allowed", 405, "The method is not allowed here", kFinal},
    {kNotAcceptable, "not-acceptable", 406, "There is no acceptable form of the answer", kFinal},
    {kContentInProgress, "content-in-progress", 409, "The content is being saved", kRetryable},
    {kRequestInProgress, "request-in-progress", 409, "The first request with this key is under way",
     kRetryable},
    {kParked, "parked", 409, "An operator decides about the content", kFinal,
     "the backend was perhaps given this content, and is not found to have it; an operator decides "
     "(itemgate parked, or GET /v1/parked). Sending it again only looks for it there"},
    {kAlreadyExists, "already-exists", 412, "The content was saved before", kFinal},
    {kTooLarge, "too-large", 413, "The content is too large", kFinal},
    {kUnsupportedType, "unsupported-type", 415, "The media type is not supported here", kFinal},
    {kUnsupportedEncoding, "unsupported-encoding", 415, "The content coding is not supported",
     kFinal},
    {kNotCanonical, "not-canonical", 422, "The content is not acceptable JSON", kFinal},
    {kKeyReused, "key-reused", 422, "The Idempotency-Key was used with another content", kFinal},
    {kInternal, "internal", 500, "Something went wrong in the server", kRetryable,
     "something went wrong in the server; its log says what, under the request id"},
    {kNotImplemented, "not-implemented", 501, "This is not offered", kFinal},
    {kSaveFailed, "save-failed", 502, "The item was not saved", kRetryable,
     "nothing was saved; send it again later"},
    {kSaveUnknown, "save-unknown", 502, "Nobody knows whether the item was saved", kRetryable,
     "send the same content again: nothing is saved twice"},
    {kResolveUnknown, "resolve-unknown", 502, "Nobody knows whether it was resolved", kFinal,
     "GET /v1/parked shows it; resolve it again only if it is the same as before"},
    {kOverloaded, "overloaded", 503, "The server has too much to do", kRetryable},
    {kTooManyInFlight, "too-many-in-flight", 503, "Too many saves are under way", kRetryable},
    {kDraining, "draining", 503, "The server is closing", kRetryable},
    {kDeadlinePassed, "deadline-passed", 503, "The request's time was over", kRetryable},
    {kStoreUnavailable, "store-unavailable", 503, "The store does not answer", kRetryable,
     "the store accepts nothing now; the server's operator can see why. Send it again later"},
    {kStorageFull, "storage-full", 507, "The storage is full", kRetryable,
     "the server's disk is full; nothing was lost. Make room there and send it again"},
});
static_assert(std::ranges::is_sorted(kProblems, {}, &ProblemKind::code));
static_assert(kProblems.size() == static_cast<std::size_t>(kStorageFull) + 1);

/// Of a save, where the status alone does not tell whether the item may be there.
std::string_view OutcomeOf(ProblemCode code) {
  if (code == kContentInProgress) return "in-progress";
  if (code == kSaveUnknown || code == kParked) return "unknown";
  if (code == kSaveFailed) return "failed";
  return code >= kOverloaded && code <= kStorageFull ? "unavailable" : "";
}

http::Response Written(const ProblemKind& kind, std::string_view detail, const Problem& problem,
                       std::string_view request_id, std::string_view trace_id) {
  JsonWriter json;
  json.BeginObject()
      .Field("type", std::string("urn:itemgate:problem:").append(kind.name))
      .Field("title", kind.title)
      .Field("status", kind.status)
      .Field("code", kind.name)
      .Field("detail", detail)
      .Field("retryable", kind.retryable);
  if (problem.item_id != ItemId{}) json.Field("itemId", problem.item_id.value);
  if (!problem.operation.empty()) json.Field("operation", problem.operation);
  if (!request_id.empty()) json.Field("request_id", request_id);
  if (!trace_id.empty()) json.Field("trace_id", trace_id);

  http::Response response{.status = kind.status};
  response.Add("Content-Type", "application/problem+json");
  response.body = json.EndObject().Take();
  return response;
}

}  // namespace

const ProblemKind& KindOf(ProblemCode code) { return kProblems[static_cast<std::size_t>(code)]; }

std::span<const ProblemKind> AllProblems() { return kProblems; }

std::string_view PublicDetail(const Problem& problem) {
  const std::string_view public_detail = KindOf(problem.code).public_detail;
  return public_detail.empty() ? problem.detail : public_detail;
}

http::Response ProblemResponse(const Problem& problem, std::string_view request_id,
                               std::string_view trace_id) {
  const ProblemKind& kind = KindOf(problem.code);
  http::Response response = Written(kind, PublicDetail(problem), problem, request_id, trace_id);
  const bool later = kind.retryable && (kind.status == 503 || kind.status == 409);
  const auto retry_after =
      later ? std::max(problem.retry_after, std::chrono::seconds(1)) : problem.retry_after;
  if (retry_after.count() > 0)
    response.Add("Retry-After", static_cast<std::uint64_t>(retry_after.count()));
  if (problem.item_id != ItemId{}) response.Add("Item-Id", problem.item_id.value);
  if (const std::string_view outcome = OutcomeOf(problem.code); !outcome.empty())
    response.Add("Item-Outcome", outcome);
  if (problem.code == ProblemCode::kUnsupportedEncoding)
    response.Add("Accept-Encoding", "identity");
  response.close = problem.code == ProblemCode::kDraining;
  return response;
}

http::Response ProblemResponse(const http::ProtocolProblem& problem, std::string_view request_id) {
  const int status = problem.status;
  const ProblemKind kind{.code = ProblemCode::kInvalidArgument,
                         .name = problem.code,
                         .status = status,
                         .title = http::ReasonPhrase(status),
                         .retryable = status >= 500 && status != 501 && status != 505};
  http::Response response = Written(kind, problem.detail, {.code = kind.code}, request_id, {});
  if (status == 503) response.Add("Item-Outcome", OutcomeOf(kOverloaded));
  return response;
}

Problem ProblemOf(const Error& error) {
  const auto code = [&] {
    switch (error.code) {
      case ErrorCode::kInvalidArgument:
        return kInvalidArgument;
      case ErrorCode::kTooLarge:
        return kTooLarge;
      case ErrorCode::kNotCanonical:
        return kNotCanonical;
      case ErrorCode::kNotFound:
        return kNotFound;
      case ErrorCode::kBusy:
        return kOverloaded;
      case ErrorCode::kStorageFull:
        return kStorageFull;
      case ErrorCode::kUnsupported:
        return kNotImplemented;
      case ErrorCode::kUnavailable:
        return kStoreUnavailable;
      case ErrorCode::kFailed:
        return kSaveFailed;
      case ErrorCode::kUnknown:
        return kSaveUnknown;
      case ErrorCode::kParked:
        return kParked;
      case ErrorCode::kCancelled:
      case ErrorCode::kIo:
      case ErrorCode::kCorrupt:
        break;
    }
    return kInternal;
  }();
  return {.code = code, .detail = error.message};
}

Problem ProblemOf(const SaveResult& result) {
  const Error error =
      result.error ? *result.error : Error(ErrorCode::kUnavailable, "send it again later");
  Problem problem = ProblemOf(error);
  // Whatever the error's own kind: what the client needs to know is whether the item may be there.
  if (error.code == ErrorCode::kBusy) problem.code = kTooManyInFlight;
  if (result.outcome == Outcome::kUnknown && problem.code != kParked) problem.code = kSaveUnknown;
  if (result.outcome == Outcome::kFailed && problem.code != kStorageFull)
    problem.code = kSaveFailed;
  return problem;
}

}  // namespace itemgate::server
