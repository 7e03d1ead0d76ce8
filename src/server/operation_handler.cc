#include "server/operation_handler.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/json_writer.h"
#include "base/time_text.h"
#include "server/save_answer.h"
#include "server/target.h"

namespace itemgate::server {
namespace {

/// There is none, or there is no room to wait for it.
bool SaysNothingOfTheSave(ErrorCode code) {
  return code == ErrorCode::kNotFound || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kBusy;
}

std::expected<http::Response, Problem> OperationResponse(const SaveResult& result,
                                                         std::string_view operation,
                                                         Duration typical_delay) {
  if (result.error && SaysNothingOfTheSave(result.error->code))
    return std::unexpected(ProblemOf(*result.error));
  JsonWriter json;
  json.BeginObject().Field("operation", operation);
  if (result.saved()) {
    json.Field("state", "saved").Field("id", result.id.value);
  } else if (result.outcome == Outcome::kInProgress) {
    json.Field("state", "in-progress");
  } else {
    const Problem problem = ProblemOf(result);
    const ProblemKind& kind = KindOf(problem.code);
    json.Field("state", "failed")
        .Name("problem")
        .BeginObject()
        .Field("code", kind.name)
        .Field("status", kind.status)
        .Field("detail", PublicDetail(problem))
        .EndObject();
  }
  http::Response response = JsonResponse(json.EndObject().Take());
  if (result.saved()) {
    response.Add("Item-Id", result.id.value);
    response.Add("Content-Location", "/v1/items/" + std::to_string(result.id.value));
  } else if (result.outcome == Outcome::kInProgress) {
    response.Add("Retry-After", static_cast<std::uint64_t>(RetryAfter(typical_delay).count()));
  }
  return response;
}

std::expected<Duration, Problem> ParseWait(const Query& query, Duration wait_max) {
  const auto text = query.Find("wait");
  if (!text) return Duration::zero();
  const auto wait = ParseSeconds(*text);
  if (wait) return std::min(*wait, wait_max);
  return std::unexpected(Problem{.code = ProblemCode::kInvalidArgument,
                                 .detail = "the parameter 'wait' must be a number of seconds"});
}

void Await(ApiState& api, Operation operation, Duration wait, DeferredCall caller) {
  const ContentKey key = operation.key();
  api.parts.service.AwaitSaveAsync(key, wait,
                                   [&api, operation = std::move(operation),
                                    caller = std::move(caller)](const SaveResult& result) mutable {
                                     auto response =
                                         OperationResponse(result, OperationName(operation.key()),
                                                           api.admission.typical_delay());
                                     if (!response) return caller.Answer(response.error());
                                     caller.Answer(std::move(*response));
                                   });
}

}  // namespace

void HandleGetOperation(ApiState& api, Call& call) {
  auto wait = ParseWait(call.query(), api.options.wait_max);
  if (!wait) return call.Answer(wait.error());
  const auto deadline = DeadlineOf(call.head(), call.began());
  if (!deadline) return call.Answer(deadline.error());
  auto operation = ParseOperationName(PercentDecoded(call.path_parameter()).value_or(""));
  if (!operation) return call.Answer(operation.error());

  RunOnWorker(api, call,
              [&api, operation = std::move(*operation), wait = *wait,
               limit = *deadline](DeferredCall caller) mutable {
                if (limit) wait = std::min(wait, *limit - api.parts.clock.Now());
                Await(api, std::move(operation), wait, std::move(caller));
              });
}

void HandleListInFlight(ApiState& api, Call& call) {
  const auto limit = call.query().Number("limit", {.otherwise = 100, .min = 1, .max = 1000});
  if (!limit) return call.Answer(limit.error());
  AnswerFromWorker(
      api, call,
      [&api, limit = static_cast<std::size_t>(*limit)]() -> std::expected<http::Response, Problem> {
        const WallTime now = api.parts.clock.WallNow();
        JsonWriter json;
        json.BeginObject()
            .Field("in_flight", api.parts.service.Statistics().in_flight)
            .Name("saves")
            .BeginArray();
        for (const InFlightSave& save : api.parts.service.InFlightSaves(limit)) {
          const std::chrono::duration<double> age = now - save.since;
          json.BeginObject()
              .Field("operation", OperationName(save.key))
              .Field("scope", save.key.scope.name())
              .Field("sha256", save.key.digest.ToHex())
              .Field("since", FormatTime(save.since))
              .Field("for_seconds", std::max(age.count(), 0.0))
              .Field("sender", save.sender)
              .Field("waiters", save.waiters)
              .EndObject();
        }
        return JsonResponse(json.EndArray().EndObject().Take());
      });
}

}  // namespace itemgate::server
