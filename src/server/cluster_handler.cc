#include "server/cluster_handler.h"

#include <optional>
#include <string>
#include <utility>

#include "base/json_writer.h"
#include "base/member_json.h"
#include "key/parked_json.h"
#include "server/json_object_reading.h"
#include "server/save_answer.h"
#include "server/target.h"

namespace itemgate::server {
namespace {

std::string ClusterJson(const Cluster& cluster) {
  JsonWriter json;
  json.BeginObject()
      .Field("schema_version", cluster.schema_version)
      .Field("generation", cluster.generation)
      .Field("parked", cluster.parked)
      .Field("claimed", cluster.claimed)
      .Field("orphaned", cluster.orphaned)
      .Field("problem", cluster.problem)
      .Name("servers")
      .BeginArray();
  for (const Member& member : cluster.members) WriteMember(json, member);
  return json.EndArray().EndObject().Take();
}

std::unexpected<Problem> Refuse(ProblemCode code, std::string_view detail) {
  return std::unexpected(Problem{.code = code, .detail = std::string(detail)});
}

constexpr std::string_view kWhatToSay = R"(say {"as":"saved"} or {"as":"send-again"})";

/// What the body says: an object with one member.
class ResolutionReading final : JsonObjectReading {
 public:
  explicit ResolutionReading(std::string_view body)
      : JsonObjectReading(
            body, {.code = ProblemCode::kInvalidArgument, .detail = std::string(kWhatToSay)}) {}

  std::expected<Resolution, Problem> Run() {
    if (!ReadAll()) return std::unexpected(*json_.problem());
    if (!resolution_) Mind(ProblemCode::kInvalidArgument, kWhatToSay);
    if (meaning_) return std::unexpected(std::move(*meaning_));
    return *resolution_;
  }

 private:
  bool ReadMember(std::string_view name) override {
    if (name != "as") {
      Mind(ProblemCode::kUnknownField, "the object has a field that is not known; known is: as");
      return json_.Skip();
    }
    if (!See(has_resolution_)) return false;
    if (json_.NextKind() != JsonReader::Kind::kString) return json_.Skip();
    const auto text = json_.ReadString();
    if (text == "saved") resolution_ = Resolution::kSaved;
    if (text == "send-again") resolution_ = Resolution::kSendAgain;
    return text.has_value();
  }

  std::optional<Resolution> resolution_;
  bool has_resolution_ = false;
};

std::expected<http::Response, Problem> Resolve(ApiState& api, const ContentKey& key,
                                               Resolution resolution) {
  const auto resolved = api.parts.resolve_parked(key, resolution);
  if (resolved) return http::Response{.status = 204};
  if (resolved.error().code == ErrorCode::kUnknown)
    return Refuse(ProblemCode::kResolveUnknown, resolved.error().message);
  return std::unexpected(ProblemOf(resolved.error()));
}

}  // namespace

void HandleCluster(ApiState& api, Call& call) {
  AnswerFromWorker(api, call, [&api]() -> std::expected<http::Response, Problem> {
    const auto cluster = api.parts.cluster();
    if (!cluster) return std::unexpected(ProblemOf(cluster.error()));
    return JsonResponse(ClusterJson(*cluster));
  });
}

void HandleListParked(ApiState& api, Call& call) {
  AnswerFromWorker(api, call, [&api]() -> std::expected<http::Response, Problem> {
    const auto parked = api.parts.parked();
    if (!parked) return std::unexpected(ProblemOf(parked.error()));
    JsonWriter json;
    json.BeginObject().Name("parked").BeginArray();
    for (const ParkedContent& content : *parked) WriteParked(json, content);
    return JsonResponse(json.EndArray().EndObject().Take());
  });
}

void HandleResolveParked(ApiState& api, Call& call) {
  auto operation = ParseOperationName(PercentDecoded(call.path_parameter()).value_or(""));
  if (!operation) return call.Answer(operation.error());
  const auto resolution = ResolutionReading(call.body()).Run();
  if (!resolution) return call.Answer(resolution.error());
  AnswerFromWorker(api, call,
                   [&api, operation = *std::move(operation), resolution = *resolution]() {
                     return Resolve(api, operation.key(), resolution);
                   });
}

}  // namespace itemgate::server
