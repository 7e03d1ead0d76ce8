#include "server/route_table.h"

#include <algorithm>
#include <array>

#include "server/batch.h"
#include "server/batch_codec.h"
#include "server/cluster_handler.h"
#include "server/feed.h"
#include "server/operation_handler.h"
#include "server/read_handlers.h"
#include "server/save_handler.h"
#include "server/verify_handler.h"

namespace itemgate::server {
namespace {

using enum ParameterPlace;
using enum ParameterType;
using enum ProblemCode;
using http::Method;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kNdjson = "application/x-ndjson";

// ---- What several routes have in common.

constexpr Parameter kScopeInPath{kPath, "scope", kText,
                                 "The scope. One that ends in +json compares canonical JSON."};
constexpr Parameter kItemScope{kHeader, "Item-Scope", kText,
                               "The scope; `default` if neither the path nor this names one."};
constexpr Parameter kPrefer{
    kHeader, "Prefer", kText,
    "`wait=N`: seconds to wait for a save under way; `respond-async`: do not wait."};
constexpr Parameter kIfInFlight{kHeader, "If-In-Flight", kText,
                                "`join` (the default) or `reject`: 409 instead of waiting."};
constexpr Parameter kRequestTimeout{kHeader, "Request-Timeout", kNumber,
                                    "Seconds after which the caller gives up."};
constexpr Parameter kLimit{kQuery, "limit", kInteger, "How many at most; 1 to 1000."};
constexpr Parameter kContent{kQuery, "content", kFlag, "`false` leaves the contents out."};
constexpr Parameter kEtagMatch{kHeader, "If-None-Match", kText, "304 if the item has this ETag."};

constexpr Parameter kSaveHeaders[] = {
    kItemScope,
    {kHeader, "Content-Type", kText, "Kept with the item."},
    kPrefer,
    kIfInFlight,
    {kHeader, "If-None-Match", kText, "`*`: only create; 412 for what is saved already."},
    {kHeader, "Content-Digest", kText,
     "`sha-256=:BASE64:` or `sha-512=:BASE64:`, checked (RFC 9530)."},
    {kHeader, "Repr-Digest", kText, "As Content-Digest."},
    {kHeader, "Idempotency-Key", kText, "Guards one attempt; a quoted string."},
    kRequestTimeout,
};
constexpr auto kSaveInScope = [] {
  auto parameters = std::to_array(kSaveHeaders);
  parameters[0] = kScopeInPath;
  return parameters;
}();
constexpr auto kPutContentParameters = [] {
  constexpr Parameter kDigest{kPath, "digest", kText,
                              "The SHA-256 of the content: 64 hexadecimal digits."};
  std::array<Parameter, std::size(kSaveHeaders) + 1> parameters{kDigest};
  std::ranges::copy(kSaveHeaders, parameters.begin() + 1);
  return parameters;
}();
constexpr BodyType kAnyContent[] = {{"*/*", ""}, {kItemDescriptionType, "ItemDescription"}};
constexpr std::string_view kSavedHeaders[] = {"Item-Id", "Item-Outcome", "Content-Location",
                                              "Idempotent-Replayed", "Preference-Applied"};
constexpr std::string_view kCreatedHeaders[] = {"Item-Id", "Item-Outcome", "Location",
                                                "Idempotent-Replayed", "Preference-Applied"};
constexpr std::string_view kInProgressHeaders[] = {"Item-Outcome", "Location", "Retry-After",
                                                   "Idempotent-Replayed", "Preference-Applied"};
constexpr Success kSaveSuccesses[] = {
    {201, "This request saved it, durably.", kJson, "Saved", kCreatedHeaders},
    {200, "It was saved before, or by a save that this request joined.", kJson, "Saved",
     kSavedHeaders},
    {202, "It is still being saved.", kJson, "InProgress", kInProgressHeaders}};
constexpr ProblemCode kSaveProblems[] = {
    kInvalidUtf8,     kInvalidJson,    kJsonTooDeep,    kUnknownField,      kInvalidContent,
    kEmptyContent,    kDigestMismatch, kKeyInvalid,     kContentInProgress, kRequestInProgress,
    kParked,          kAlreadyExists,  kTooLarge,       kUnsupportedType,   kUnsupportedEncoding,
    kNotCanonical,    kKeyReused,      kSaveFailed,     kSaveUnknown,       kOverloaded,
    kTooManyInFlight, kDraining,       kDeadlinePassed, kStoreUnavailable,  kStorageFull,
    kNotAcceptable};

constexpr auto kPutContentProblems = [] {
  std::array<ProblemCode, std::size(kSaveProblems) + 1> problems{kOtherContent};
  std::ranges::copy(kSaveProblems, problems.begin() + 1);
  return problems;
}();

constexpr std::string_view kItemHeaders[] = {
    "Item-Id",     "Item-Scope",          "Item-Saved-At",         "ETag",
    "Repr-Digest", "Content-Disposition", "X-Content-Type-Options"};
constexpr std::string_view kUnchangedHeaders[] = {"Item-Id", "Item-Scope", "Item-Saved-At", "ETag"};
constexpr std::string_view kLocatedItemHeaders[] = {
    "Item-Id",     "Item-Scope",          "Item-Saved-At",          "ETag",
    "Repr-Digest", "Content-Disposition", "X-Content-Type-Options", "Content-Location"};
constexpr std::string_view kLocatedUnchangedHeaders[] = {"Item-Id", "Item-Scope", "Item-Saved-At",
                                                         "ETag", "Content-Location"};
constexpr Success kItemSuccesses[] = {
    {200, "The content, byte for byte.", "*/*", "", kItemHeaders},
    {304, "The client has it already.", "", "", kUnchangedHeaders}};
constexpr Success kLocatedItemSuccesses[] = {
    {200, "The content, byte for byte.", "*/*", "", kLocatedItemHeaders},
    {304, "The client has it already.", "", "", kLocatedUnchangedHeaders}};

// What does not ask the store; what does; and what finds one thing there.
constexpr ProblemCode kTellProblems[] = {kNotAcceptable, kDeadlinePassed, kOverloaded};
constexpr ProblemCode kReadProblems[] = {kNotAcceptable, kDeadlinePassed, kOverloaded,
                                         kStoreUnavailable};
constexpr ProblemCode kGetProblems[] = {kNotFound, kDeadlinePassed, kOverloaded, kStoreUnavailable};
constexpr ProblemCode kFindProblems[] = {kNotFound, kNotAcceptable, kDeadlinePassed, kOverloaded,
                                         kStoreUnavailable};
constexpr ProblemCode kFindMissingProblems[] = {
    kInvalidUtf8,    kInvalidJson,     kJsonTooDeep,         kUnknownField,
    kTooLarge,       kUnsupportedType, kUnsupportedEncoding, kNotAcceptable,
    kDeadlinePassed, kOverloaded,      kStoreUnavailable};
constexpr ProblemCode kOnlyNotAcceptable[] = {kNotAcceptable};
constexpr BodyType kFindMissingTypes[] = {{kJson, "FindMissing"}};

// ---- One route after the other.

constexpr Parameter kGetItemParameters[] = {
    {kPath, "id", kInteger, "The item's id."}, kEtagMatch, kRequestTimeout};
constexpr Parameter kListParameters[] = {
    {kQuery, "after", kInteger, "Items with ids above this one; 0 is before the first."},
    kLimit,
    kContent,
    kRequestTimeout};
constexpr Success kListSuccesses[] = {{200, "A page of items in id order.", kJson, "ItemPage"}};
constexpr Parameter kContentParameters[] = {
    {kPath, "digest", kText, "The SHA-256 of the content: 64 hexadecimal digits."},
    {kQuery, "scope", kText, "The scope, if Item-Scope does not name it."},
    kItemScope,
    kEtagMatch,
    kRequestTimeout};
constexpr Parameter kFindMissingParameters[] = {kItemScope, kRequestTimeout};
constexpr Success kFindMissingSuccesses[] = {
    {200, "Those digests of which the scope has no item.", kJson, "Missing"}};
constexpr Parameter kOperationParameters[] = {
    {kPath, "operation", kText, "`{sha256}.{scope}` of the content."},
    {kQuery, "wait", kNumber, "Seconds to wait for the save to end; 0 if left out."},
    kRequestTimeout};
constexpr std::string_view kOperationHeaders[] = {"Item-Id", "Content-Location", "Retry-After"};
constexpr Success kOperationSuccesses[] = {
    {200, "How the save stands.", kJson, "Operation", kOperationHeaders}};
constexpr Parameter kInFlightParameters[] = {kLimit, kRequestTimeout};
constexpr Success kInFlightSuccesses[] = {{200, "The oldest first.", kJson, "InFlight"}};
constexpr Parameter kOnlyTimeout[] = {kRequestTimeout};
constexpr Success kStatsSuccesses[] = {{200, "Counters since the start.", kJson, "Statistics"}};
constexpr Success kClusterSuccesses[] = {
    {200, "Itself, and all others that share its store.", kJson, "Cluster"}};
constexpr Success kParkedSuccesses[] = {{200, "The longest parked first.", kJson, "Parked"}};
constexpr Parameter kResolveParameters[] = {
    {kPath, "operation", kText, "`{sha256}.{scope}` of the content."}, kRequestTimeout};
constexpr BodyType kResolveTypes[] = {{kJson, "Resolution"}};
constexpr Success kResolveSuccesses[] = {{204, "It is resolved.", "", ""}};
constexpr ProblemCode kResolveProblems[] = {
    kInvalidUtf8,    kInvalidJson,    kJsonTooDeep,     kUnknownField,
    kNotFound,       kTooLarge,       kUnsupportedType, kUnsupportedEncoding,
    kResolveUnknown, kDeadlinePassed, kOverloaded,      kStoreUnavailable};
constexpr Success kConfigSuccesses[] = {{200, "Settings and limits.", kJson, "Configuration"}};
constexpr Success kOpenApiSuccesses[] = {{200, "OpenAPI 3.1.", kJson, "AnyObject"}};
constexpr Parameter kBatchHeaders[] = {
    kItemScope,
    {kHeader, "Content-Type", kText, "How the items are written."},
    {kHeader, "Item-Media-Type", kText, "Of frames: kept with each item."},
    kPrefer,
    kIfInFlight,
    kRequestTimeout};
constexpr auto kBatchInScope = [] {
  auto parameters = std::to_array(kBatchHeaders);
  parameters[0] = kScopeInPath;
  return parameters;
}();
constexpr BodyType kBatchTypes[] = {{kNdjson, "BatchLines"},
                                    {"application/ndjson", "BatchLines"},
                                    {kBatchFramesType, "BatchFrames"}};
constexpr std::string_view kBatchHeadersOut[] = {"Preference-Applied"};
constexpr BodyType kBatchResults[] = {{kBatchResultsType, "BatchResults"}};
constexpr Success kBatchSuccesses[] = {
    {200, "Each item has its own answer, in order: lines to lines, records to frames.", kNdjson,
     "BatchAnswers", kBatchHeadersOut, kBatchResults}};
constexpr ProblemCode kBatchProblems[] = {kUnsupportedType, kUnsupportedEncoding, kNotAcceptable,
                                          kDraining,        kDeadlinePassed,      kOverloaded};
constexpr Parameter kFeedParameters[] = {
    {kQuery, "after", kInteger, "Begin behind this id; left out, with what comes next."},
    kContent,
    {kHeader, "Last-Event-ID", kText, "Go on behind this id; goes before `after`."}};
constexpr std::string_view kFeedHeaders[] = {"Cache-Control"};
constexpr Success kFeedSuccesses[] = {
    {200, "Server-sent events.", "text/event-stream", "Events", kFeedHeaders}};
constexpr ProblemCode kFeedProblems[] = {kNotAcceptable, kDraining, kStoreUnavailable};
constexpr Success kVerifySuccesses[] = {{200, "Progress, and the report.", kNdjson, "VerifyLines"}};
constexpr ProblemCode kVerifyProblems[] = {kNotImplemented, kNotAcceptable, kOverloaded,
                                           kStoreUnavailable};
constexpr Success kRootSuccesses[] = {{200, "A text.", "text/plain", "Text"}};

constexpr Route kRoutes[] = {
    {.method = Method::kPost,
     .path = "/v1/items",
     .operation_id = "saveItem",
     .summary = "Save one item: the body is the content.",
     .parameters = kSaveHeaders,
     .request_types = kAnyContent,
     .successes = kSaveSuccesses,
     .problems = kSaveProblems,
     .body = BodyPolicy::kWhole,
     .answer_type = kJson,
     .saves = true,
     .handle = HandleSave},
    {.method = Method::kPost,
     .path = "/v1/scopes/{scope}/items",
     .operation_id = "saveItemInScope",
     .summary = "Save one item in that scope.",
     .parameters = kSaveInScope,
     .request_types = kAnyContent,
     .successes = kSaveSuccesses,
     .problems = kSaveProblems,
     .body = BodyPolicy::kWhole,
     .answer_type = kJson,
     .saves = true,
     .handle = HandleSave},
    {.method = Method::kPost,
     .path = "/v1/items:batch",
     .operation_id = "saveBatch",
     .summary = "Save many items, streamed both ways.",
     .parameters = kBatchHeaders,
     .request_types = kBatchTypes,
     .successes = kBatchSuccesses,
     .problems = kBatchProblems,
     .body = BodyPolicy::kStreamed,
     .saves = true,
     .open = OpenBatch},
    {.method = Method::kPost,
     .path = "/v1/scopes/{scope}/items:batch",
     .operation_id = "saveBatchInScope",
     .summary = "Save many items in that scope, streamed both ways.",
     .parameters = kBatchInScope,
     .request_types = kBatchTypes,
     .successes = kBatchSuccesses,
     .problems = kBatchProblems,
     .body = BodyPolicy::kStreamed,
     .saves = true,
     .open = OpenBatch},
    {.method = Method::kGet,
     .path = "/v1/items/{id}",
     .operation_id = "getItem",
     .summary = "The content of an item.",
     .parameters = kGetItemParameters,
     .request_types = {},
     .successes = kItemSuccesses,
     .problems = kGetProblems,
     .large_answer = true,
     .handle = HandleGetItem},
    {.method = Method::kGet,
     .path = "/v1/items",
     .operation_id = "listItems",
     .summary = "Items in id order, page by page.",
     .parameters = kListParameters,
     .request_types = {},
     .successes = kListSuccesses,
     .problems = kReadProblems,
     .answer_type = kJson,
     .all_scopes = true,
     .large_answer = true,
     .handle = HandleListItems},
    {.method = Method::kGet,
     .path = "/v1/contents/sha256/{digest}",
     .operation_id = "getContent",
     .summary = "The item with that content.",
     .parameters = kContentParameters,
     .request_types = {},
     .successes = kLocatedItemSuccesses,
     .problems = kGetProblems,
     .large_answer = true,
     .handle = HandleGetContent},
    {.method = Method::kPut,
     .path = "/v1/contents/sha256/{digest}",
     .operation_id = "putContent",
     .summary = "Save one item whose content has that digest.",
     .parameters = kPutContentParameters,
     .request_types = kAnyContent,
     .successes = kSaveSuccesses,
     .problems = kPutContentProblems,
     .body = BodyPolicy::kWhole,
     .answer_type = kJson,
     .saves = true,
     .handle = HandlePutContent},
    {.method = Method::kPost,
     .path = "/v1/contents:findMissing",
     .operation_id = "findMissing",
     .summary = "Which of these contents are not saved.",
     .parameters = kFindMissingParameters,
     .request_types = kFindMissingTypes,
     .successes = kFindMissingSuccesses,
     .problems = kFindMissingProblems,
     .body = BodyPolicy::kWhole,
     .body_bytes_max = 1 << 20,  // for 10,000 digests, however they are set out
     .answer_type = kJson,
     .large_answer = true,
     .handle = HandleFindMissing},
    {.method = Method::kGet,
     .path = "/v1/operations/{operation}",
     .operation_id = "getOperation",
     .summary = "How the save of a content stands.",
     .parameters = kOperationParameters,
     .request_types = {},
     .successes = kOperationSuccesses,
     .problems = kFindProblems,
     .answer_type = kJson,
     .handle = HandleGetOperation},
    {.method = Method::kGet,
     .path = "/v1/inflight",
     .operation_id = "listInFlight",
     .summary = "What is being saved now.",
     .parameters = kInFlightParameters,
     .request_types = {},
     .successes = kInFlightSuccesses,
     .problems = kTellProblems,
     .answer_type = kJson,
     .handle = HandleListInFlight},
    {.method = Method::kGet,
     .path = "/v1/feed",
     .operation_id = "followFeed",
     .summary = "Newly saved items, as they come.",
     .parameters = kFeedParameters,
     .request_types = {},
     .successes = kFeedSuccesses,
     .problems = kFeedProblems,
     .answer_type = "text/event-stream",
     .all_scopes = true,
     .open = OpenFeed},
    {.method = Method::kPost,
     .path = "/v1/store:verify",
     .operation_id = "verifyStore",
     .summary = "Read the whole store and prove that it is sound.",
     .parameters = {},
     .request_types = {},
     .successes = kVerifySuccesses,
     .problems = kVerifyProblems,
     .answer_type = kNdjson,
     .open = OpenVerify},
    {.method = Method::kGet,
     .path = "/v1/stats",
     .operation_id = "getStatistics",
     .summary = "What is saved, and what was done since the start.",
     .parameters = kOnlyTimeout,
     .request_types = {},
     .successes = kStatsSuccesses,
     .problems = kTellProblems,
     .answer_type = kJson,
     .handle = HandleStats},
    {.method = Method::kGet,
     .path = "/v1/cluster",
     .operation_id = "getCluster",
     .summary = "Which servers there are, and how they are.",
     .parameters = kOnlyTimeout,
     .request_types = {},
     .successes = kClusterSuccesses,
     .problems = kReadProblems,
     .answer_type = kJson,
     .handle = HandleCluster},
    {.method = Method::kGet,
     .path = "/v1/parked",
     .operation_id = "listParked",
     .summary = "Contents of which nobody knows whether the backend has them.",
     .parameters = kOnlyTimeout,
     .request_types = {},
     .successes = kParkedSuccesses,
     .problems = kReadProblems,
     .answer_type = kJson,
     .large_answer = true,
     .handle = HandleListParked},
    {.method = Method::kPost,
     .path = "/v1/parked/{operation}:resolve",
     .operation_id = "resolveParked",
     .summary = "Say whether the backend has a parked content; for operators who know.",
     .parameters = kResolveParameters,
     .request_types = kResolveTypes,
     .successes = kResolveSuccesses,
     .problems = kResolveProblems,
     .body = BodyPolicy::kWhole,
     .body_bytes_max = 64 << 10,
     .handle = HandleResolveParked},
    {.method = Method::kGet,
     .path = "/v1/config",
     .operation_id = "getConfiguration",
     .summary = "What is configured.",
     .parameters = {},
     .request_types = {},
     .successes = kConfigSuccesses,
     .problems = kOnlyNotAcceptable,
     .answer_type = kJson,
     .handle = HandleConfig},
    {.method = Method::kGet,
     .path = "/v1/openapi.json",
     .operation_id = "getOpenApi",
     .summary = "This document.",
     .parameters = {},
     .request_types = {},
     .successes = kOpenApiSuccesses,
     .problems = kOnlyNotAcceptable,
     .answer_type = kJson,
     .handle = HandleOpenApi},
    {.method = Method::kGet,
     .path = "/",
     .operation_id = "getRoot",
     .summary = "What this is and how to begin.",
     .parameters = {},
     .request_types = {},
     .successes = kRootSuccesses,
     .problems = kOnlyNotAcceptable,
     .answer_type = "text/plain",
     .handle = HandleRoot},
};

constexpr ProblemCode kCommonProblems[] = {kInvalidArgument, kInternal};

/// The template's part before its braces, and the one behind them.
struct Template {
  std::string_view before;
  std::string_view after;
  bool has_parameter;
};
constexpr auto kTemplates = [] {
  std::array<Template, std::size(kRoutes)> templates{};
  for (std::size_t i = 0; i < templates.size(); ++i) {
    const std::string_view path = kRoutes[i].path;
    const std::size_t open = path.find('{');
    const bool has_parameter = open != std::string_view::npos;
    templates[i] = {.before = path.substr(0, open),
                    .after = has_parameter ? path.substr(path.find('}') + 1) : std::string_view{},
                    .has_parameter = has_parameter};
  }
  return templates;
}();

/// The part that stands for the braces; empty for a template without; nothing if the path does not fit.
std::optional<std::string_view> Fit(const Template& form, std::string_view path) {
  if (!form.has_parameter) {
    if (path != form.before) return std::nullopt;
    return std::string_view{};
  }
  if (path.size() <= form.before.size() + form.after.size() || !path.starts_with(form.before) ||
      !path.ends_with(form.after))
    return std::nullopt;
  const std::string_view part =
      path.substr(form.before.size(), path.size() - form.before.size() - form.after.size());
  if (part.find('/') != std::string_view::npos) return std::nullopt;
  return part;
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

std::span<const ProblemCode> CommonProblems() { return kCommonProblems; }

bool Declares(const Route& route, int status) {
  const auto has_status = [status](ProblemCode code) { return KindOf(code).status == status; };
  return std::ranges::any_of(route.successes,
                             [status](const Success& s) { return s.status == status; }) ||
         std::ranges::any_of(route.problems, has_status) ||
         std::ranges::any_of(kCommonProblems, has_status);
}

RouteMatch FindRoute(http::Method method, std::string_view path) {
  RouteMatch match;
  const Method wanted = method == Method::kHead ? Method::kGet : method;
  for (std::size_t i = 0; i < std::size(kRoutes); ++i) {
    const auto parameter = Fit(kTemplates[i], path);
    if (!parameter) continue;
    if (kRoutes[i].method == wanted) {
      match.route = &kRoutes[i];
      match.path_parameter = *parameter;
      return match;
    }
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += kRoutes[i].method == Method::kGet ? "GET, HEAD" : MethodName(kRoutes[i].method);
  }
  return match;
}

std::string_view MethodName(http::Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    default:
      return "other";
  }
}

}  // namespace itemgate::server
