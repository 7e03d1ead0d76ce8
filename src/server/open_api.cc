#include "server/open_api.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "base/json_writer.h"
#include "http/ascii.h"
#include "server/open_api_schemas.h"
#include "server/route_table.h"

namespace itemgate::server {
namespace {

std::string_view PlaceName(ParameterPlace place) {
  switch (place) {
    case ParameterPlace::kPath:
      return "path";
    case ParameterPlace::kQuery:
      return "query";
    case ParameterPlace::kHeader:
      break;
  }
  return "header";
}

std::string_view TypeName(ParameterType type) {
  switch (type) {
    case ParameterType::kText:
      return "string";
    case ParameterType::kInteger:
      return "integer";
    case ParameterType::kNumber:
      return "number";
    case ParameterType::kFlag:
      break;
  }
  return "boolean";
}

std::string LowerCase(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += http::LowerAscii(c);
  return lower;
}

void WriteReference(JsonWriter& json, std::string_view schema) {
  json.BeginObject().Field("$ref", std::string("#/components/schemas/").append(schema)).EndObject();
}

void WriteMediaType(JsonWriter& json, std::string_view media_type, std::string_view schema) {
  json.Name(media_type).BeginObject();
  if (!schema.empty()) {
    json.Name("schema");
    WriteReference(json, schema);
  }
  json.EndObject();
}

void WriteParameters(JsonWriter& json, const Route& route) {
  json.Name("parameters").BeginArray();
  for (const Parameter& parameter : route.parameters) {
    // OpenAPI has other places for these: the request's body and the security scheme.
    if (parameter.place == ParameterPlace::kHeader && parameter.name == "Content-Type") continue;
    json.BeginObject()
        .Field("name", parameter.name)
        .Field("in", PlaceName(parameter.place))
        .Field("required", parameter.place == ParameterPlace::kPath)
        .Field("description", parameter.description)
        .Name("schema")
        .BeginObject()
        .Field("type", TypeName(parameter.type))
        .EndObject()
        .EndObject();
  }
  for (const std::string_view name : {"X-Request-Id", "traceparent"}) {
    json.BeginObject()
        .Field("$ref", std::string("#/components/parameters/").append(name))
        .EndObject();
  }
  json.EndArray();
}

void WriteBody(JsonWriter& json, const Route& route) {
  if (route.request_types.empty()) return;
  json.Name("requestBody").BeginObject().Field("required", true).Name("content").BeginObject();
  for (const BodyType& type : route.request_types)
    WriteMediaType(json, type.media_type, type.schema);
  json.EndObject().EndObject();
}

void WriteHeaders(JsonWriter& json, const auto& names) {
  json.Name("headers").BeginObject();
  for (const std::string_view name : names) {
    json.Name(name)
        .BeginObject()
        .Field("$ref", std::string("#/components/headers/").append(name))
        .EndObject();
  }
  json.Name("X-Request-Id")
      .BeginObject()
      .Field("$ref", "#/components/headers/X-Request-Id")
      .EndObject()
      .EndObject();
}

void WriteSuccess(JsonWriter& json, const Success& success) {
  json.Name(std::to_string(success.status)).BeginObject().Field("description", success.description);
  WriteHeaders(json, success.headers);
  if (!success.media_type.empty()) {
    json.Name("content").BeginObject();
    WriteMediaType(json, success.media_type, success.schema);
    for (const BodyType& type : success.other_types)
      WriteMediaType(json, type.media_type, type.schema);
    json.EndObject();
  }
  json.EndObject();
}

/// Adds the names of the fields that such a problem carries, as they are where it is answered.
void AddFieldsOf(ProblemCode code, std::set<std::string>& names) {
  Problem problem{.code = code, .detail = {}, .item_id = {}, .operation = {}};
  if (code == ProblemCode::kAlreadyExists) problem.item_id = ItemId{1};
  const http::Response response = ProblemResponse(problem, {}, {});
  const std::string_view fields = response.fields;
  for (std::size_t begin = 0; begin < fields.size(); begin = fields.find('\n', begin) + 1) {
    const std::string_view name = fields.substr(begin, fields.find(':', begin) - begin);
    if (name != "Content-Type") names.emplace(name);
  }
}

/// The problems of one status.
struct Refusals {
  std::set<std::string_view> codes;
  std::set<std::string> fields;
};

void WriteRefusals(JsonWriter& json, int status, const Refusals& refusals) {
  std::string description;
  for (const std::string_view code : refusals.codes)
    description.append(description.empty() ? "" : ", ").append(code);
  json.Name(std::to_string(status)).BeginObject().Field("description", description);
  WriteHeaders(json, refusals.fields);
  json.Name("content").BeginObject();
  WriteMediaType(json, "application/problem+json", "Problem");
  json.EndObject().EndObject();
}

void WriteResponses(JsonWriter& json, const Route& route) {
  json.Name("responses").BeginObject();
  for (const Success& success : route.successes) WriteSuccess(json, success);
  std::map<int, Refusals> refusals_of;
  for (const auto& codes : {route.problems, CommonProblems()}) {
    for (const ProblemCode code : codes) {
      Refusals& refusals = refusals_of[KindOf(code).status];
      refusals.codes.insert(KindOf(code).name);
      AddFieldsOf(code, refusals.fields);
    }
  }
  for (const auto& [status, refusals] : refusals_of) WriteRefusals(json, status, refusals);
  json.Name("default").BeginObject().Field("$ref", "#/components/responses/Refused").EndObject();
  json.EndObject();
}

void WriteOperation(JsonWriter& json, const Route& route, http::Method method) {
  const bool head = method == http::Method::kHead;
  json.Name(LowerCase(MethodName(method)))
      .BeginObject()
      .Field("operationId", std::string(route.operation_id).append(head ? "Head" : ""))
      .Field("summary", route.summary);
  WriteParameters(json, route);
  WriteBody(json, route);
  WriteResponses(json, route);
  json.EndObject();
}

std::string WriteDocument() {
  JsonWriter json;
  json.BeginObject().Field("openapi", "3.1.0").Name("info").BeginObject();
  json.Field("title", "Itemgate")
      .Field("version", "1")
      .Field("description", "Saves each distinct content exactly once.")
      .EndObject();
  std::map<std::string_view, std::vector<const Route*>> by_path;
  for (const Route& route : Routes()) by_path[route.path].push_back(&route);
  json.Name("paths").BeginObject();
  for (const auto& [path, routes] : by_path) {
    json.Name(path).BeginObject();
    for (const Route* const route : routes) {
      WriteOperation(json, *route, route->method);
      if (route->method == http::Method::kGet) WriteOperation(json, *route, http::Method::kHead);
    }
    json.EndObject();
  }
  json.EndObject();
  std::string document = json.EndObject().Take();
  document.pop_back();
  return document.append(",\"components\":").append(OpenApiComponents()).append("}");
}

}  // namespace

const std::string& OpenApiDocument() {
  static const std::string document = WriteDocument();
  return document;
}

}  // namespace itemgate::server
