#include "server/route_table.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "server/open_api.h"

namespace itemgate::server {
namespace {

using http::Method;

std::string Filled(std::string_view path) {
  const std::size_t open = path.find('{');
  if (open == std::string_view::npos) return std::string(path);
  return std::string(path.substr(0, open)) + "17" + std::string(path.substr(path.find('}') + 1));
}

TEST(RouteTable, LeadsEachMethodOfEachPathToItsOwnRoute) {
  for (const Route& route : Routes()) {
    const std::string path = Filled(route.path);
    EXPECT_EQ(FindRoute(route.method, path).route, &route) << path;
    if (route.method == Method::kGet) {
      EXPECT_EQ(FindRoute(Method::kHead, path).route, &route);
    }
    const RouteMatch wrong = FindRoute(Method::kPatch, path);
    EXPECT_EQ(wrong.route, nullptr);
    EXPECT_NE(wrong.allow.find(MethodName(route.method)), std::string::npos) << path;
    EXPECT_EQ(FindRoute(route.method, path + "/x/y").route, nullptr);
    EXPECT_TRUE(FindRoute(route.method, path + "/x/y").allow.empty());
    EXPECT_NE(route.handle == nullptr, route.open == nullptr) << path;
  }
}

TEST(RouteTable, HasNoNameTwiceAndDescribesEveryPartOfAPath) {
  std::set<std::string_view> names;
  for (const Route& route : Routes()) {
    EXPECT_TRUE(names.insert(route.operation_id).second) << route.operation_id;
    const auto in_path = std::ranges::count_if(
        route.parameters, [](const Parameter& p) { return p.place == ParameterPlace::kPath; });
    EXPECT_EQ(in_path, std::ranges::count(route.path, '{')) << route.path;
    for (const Parameter& parameter : route.parameters) {
      if (parameter.place != ParameterPlace::kPath) continue;
      EXPECT_NE(route.path.find("{" + std::string(parameter.name) + "}"), std::string::npos);
    }
  }
}

TEST(RouteTable, TakesOnePartOfAPathForItsBraces) {
  EXPECT_EQ(FindRoute(Method::kGet, "/v1/items/a%2Fb").path_parameter, "a%2Fb");
  EXPECT_EQ(FindRoute(Method::kPost, "/v1/scopes/x/items:batch").path_parameter, "x");
  EXPECT_EQ(FindRoute(Method::kGet, "/v1/items/").route, nullptr);
  EXPECT_EQ(FindRoute(Method::kPost, "/v1/scopes//items").route, nullptr);
  EXPECT_EQ(FindRoute(Method::kPost, "/v1/scopes/a/b/items").route, nullptr);
}

class OpenApiTest : public testing::Test {
 protected:
  OpenApiTest() : document_(parser_.parse(OpenApiDocument())) {}

  /// True if a reference such as "#/components/schemas/Item" leads somewhere.
  [[nodiscard]] bool Leads(std::string_view reference) const {
    return !document_.at_pointer(reference.substr(1)).error();
  }

  void CheckReferences(simdjson::dom::element element) const {
    if (element.is_array()) {
      for (const simdjson::dom::element child : simdjson::dom::array(element))
        CheckReferences(child);
    }
    if (!element.is_object()) return;
    for (const auto [name, child] : simdjson::dom::object(element)) {
      if (name == "$ref") {
        EXPECT_TRUE(Leads(std::string_view(child))) << std::string_view(child);
      }
      CheckReferences(child);
    }
  }

  /// The names in an object, if it is one.
  static void AddParts(simdjson::simdjson_result<simdjson::dom::element> part,
                       const std::string& head, std::set<std::string>& facts) {
    simdjson::dom::object named;
    if (part.get(named)) return;
    for (const auto [name, value] : named) facts.insert(head + std::string(name));
  }

  /// "get /v1/items/{id} 404", "get /v1/items/{id} path id", "get /v1/items/{id} 200 carries ETag" of all there are.
  [[nodiscard]] std::set<std::string> Facts() const {
    std::set<std::string> facts;
    for (const auto [path, methods] : simdjson::dom::object(document_["paths"])) {
      for (const auto [method, operation] : simdjson::dom::object(methods)) {
        const std::string head = std::string(method) + " " + std::string(path) + " ";
        for (const auto [status, response] : simdjson::dom::object(operation["responses"])) {
          facts.insert(head + std::string(status));
          AddParts(response["headers"], head + std::string(status) + " carries ", facts);
          AddParts(response["content"], head + std::string(status) + " is ", facts);
        }
        for (const simdjson::dom::element parameter :
             simdjson::dom::array(operation["parameters"])) {
          if (parameter["in"].error()) continue;  // one of those that every route has
          facts.insert(head + std::string(std::string_view(parameter["in"])) + " " +
                       std::string(std::string_view(parameter["name"])));
        }
        AddParts(operation.at_pointer("/requestBody/content"), head, facts);
      }
    }
    return facts;
  }

  simdjson::dom::parser parser_;
  simdjson::dom::element document_;
};

void AddFactsOf(const Success& success, const std::string& head, std::set<std::string>& facts) {
  const std::string status = head + std::to_string(success.status);
  facts.insert(status + " carries X-Request-Id");
  for (const std::string_view name : success.headers)
    facts.insert(status + " carries " + std::string(name));
  if (!success.media_type.empty()) facts.insert(status + " is " + std::string(success.media_type));
  for (const BodyType& type : success.other_types)
    facts.insert(status + " is " + std::string(type.media_type));
}

void AddFactsOf(ProblemCode code, const std::string& head, std::set<std::string>& facts) {
  using enum ProblemCode;
  const std::string status = head + std::to_string(KindOf(code).status);
  const auto carries = [&](const char* name) { facts.insert(status + " carries " + name); };
  facts.insert(status + " is application/problem+json");
  carries("X-Request-Id");
  if (KindOf(code).retryable && (KindOf(code).status == 409 || KindOf(code).status == 503))
    carries("Retry-After");
  if (code == kAlreadyExists) carries("Item-Id");
  if (code == kUnsupportedEncoding) carries("Accept-Encoding");
  if (code == kContentInProgress || code == kParked || code == kSaveUnknown ||
      code == kSaveFailed || KindOf(code).status == 503 || code == kStorageFull)
    carries("Item-Outcome");
}

std::set<std::string> FactsOf(const Route& route, const std::string& method) {
  std::set<std::string> facts;
  const std::string head = method + " " + std::string(route.path) + " ";
  for (int status = 100; status < 600; ++status) {
    if (Declares(route, status)) facts.insert(head + std::to_string(status));
  }
  facts.insert(head + "default");
  for (const Success& success : route.successes) AddFactsOf(success, head, facts);
  for (const auto& codes : {route.problems, CommonProblems()}) {
    for (const ProblemCode code : codes) AddFactsOf(code, head, facts);
  }
  for (const Parameter& parameter : route.parameters) {
    if (parameter.name == "Content-Type") continue;  // told by the body's media types
    const char* const place = parameter.place == ParameterPlace::kPath    ? "path "
                              : parameter.place == ParameterPlace::kQuery ? "query "
                                                                          : "header ";
    facts.insert(head + place + std::string(parameter.name));
  }
  for (const BodyType& type : route.request_types)
    facts.insert(head + std::string(type.media_type));
  return facts;
}

TEST_F(OpenApiTest, SaysWhatTheTableSays) {
  std::set<std::string> expected;
  for (const Route& route : Routes()) {
    expected.merge(FactsOf(route, route.method == Method::kGet   ? "get"
                                  : route.method == Method::kPut ? "put"
                                                                 : "post"));
    if (route.method == Method::kGet) expected.merge(FactsOf(route, "head"));
  }
  EXPECT_EQ(Facts(), expected);
  EXPECT_GT(expected.size(), 200U);
}

TEST_F(OpenApiTest, RefersOnlyToWhatItHas) {
  EXPECT_TRUE(Leads("#/components/schemas/Problem"));
  EXPECT_FALSE(Leads("#/components/schemas/Nothing"));
  CheckReferences(document_);
}

}  // namespace
}  // namespace itemgate::server
