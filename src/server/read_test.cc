#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "key/scope_loan.h"
#include "server/route_table.h"
#include "testing/api_fixture.h"

namespace itemgate::server {
namespace {

using namespace std::chrono_literals;
using http::Method;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kHelloSha256 =
    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
constexpr const char* kOtherSha256 =
    "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

TEST_F(ApiTest, GivesAContentBackWithAllThatIsKnownOfIt) {
  Save("hello", {{"Content-Type", "text/plain"}});
  const http::Response item = Get("/v1/items/1");
  EXPECT_EQ(item.status, 200);
  EXPECT_EQ(item.body, "hello");
  EXPECT_EQ(FieldOf(item, "Content-Type"), "text/plain");
  EXPECT_EQ(FieldOf(item, "Item-Id"), "1");
  EXPECT_EQ(FieldOf(item, "Item-Scope"), "default");
  EXPECT_THAT(FieldOf(item, "Item-Saved-At"), StartsWith("20"));
  EXPECT_EQ(FieldOf(item, "ETag"), std::string("\"") + kHelloSha256 + "\"");
  EXPECT_EQ(FieldOf(item, "Repr-Digest"), "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:");
  EXPECT_EQ(FieldOf(item, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(FieldOf(item, "Content-Disposition"), "attachment");
  const http::Response same = Get("/v1/items/1", {{"If-None-Match", FieldOf(item, "ETag")}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(Get("/v1/items/1", {{"If-None-Match", "\"other\""}}).status, 200);
}

TEST_F(ApiTest, AnswersHeadAsGet) {
  Save("hello");
  const http::Response item = Send(Method::kHead, "/v1/items/1");
  EXPECT_EQ(item.status, 200);
  EXPECT_EQ(FieldOf(item, "Content-Type"), "application/octet-stream");
  EXPECT_EQ(item.body, "hello");  // counted and left out by the server
  EXPECT_EQ(last_logged().method, "HEAD");
  EXPECT_EQ(Send(Method::kHead, "/v1/items/9").status, 404);
}

TEST_F(ApiTest, HasNoItemUnderWhatIsNoId) {
  Save("hello");
  for (const std::string& id :
       {std::string("2"), std::string("0"), std::string("01"), std::string("+1"), std::string("-1"),
        std::string("1%00"), std::string("%00"), std::string("%2e%2e"), std::string("../1"),
        std::string(".."), std::string("%2E%2E%2F1"), std::string("1/"), std::string(""),
        std::string("%"), std::string("18446744073709551616"), std::string(10'240, '1')}) {
    const http::Response missing = Get("/v1/items/" + id);
    EXPECT_EQ(missing.status, 404) << id;
    EXPECT_EQ(CodeOf(missing), "not-found");
  }
  EXPECT_EQ(Get("/v1/items/%31").status, 200);
}

TEST_F(ApiTest, ListsItemsPageByPage) {
  for (const char* const content : {"a", "b", "\xFF"}) Save(content);
  const http::Response first = Get("/v1/items?limit=2");
  EXPECT_THAT(first.body, StartsWith(R"({"items":[{"id":1,"scope":"default","saved_at":"20)"));
  EXPECT_THAT(first.body, HasSubstr(R"("content":"b"}],"next":2})"));
  const http::Response last = Get("/v1/items?after=2&limit=2");
  EXPECT_THAT(last.body, HasSubstr(R"("id":3)"));
  EXPECT_THAT(last.body, HasSubstr(R"("content_base64":"/w==")"));
  EXPECT_THAT(last.body, Not(HasSubstr("next")));
  EXPECT_THAT(Get("/v1/items?limit=3").body, Not(HasSubstr("next")));
  EXPECT_EQ(Get("/v1/items?after=3").body, R"({"items":[]})");
  EXPECT_THAT(Get("/v1/items?content=false").body, Not(HasSubstr("\"content\"")));
  for (const char* const query : {"after=-1", "after=01", "limit=0", "limit=1001", "limit=",
                                  "content=no", "page=2", "after=1&after=2", "after=%3", "limit"})
    EXPECT_EQ(CodeOf(Get("/v1/items?" + std::string(query))), "invalid_argument") << query;
}

TEST_F(ApiTest, AScopeThatWouldNotBeLookedAtIsRefused) {
  const Headers scoped = {{"Item-Scope", "a"}};
  EXPECT_EQ(CodeOf(Get("/v1/items", scoped)), "invalid_argument");
  EXPECT_EQ(CodeOf(Get("/v1/feed?after=0", scoped)), "invalid_argument");
  EXPECT_THAT(Get("/v1/items", scoped).body, HasSubstr("leave Item-Scope out"));
}

TEST_F(ApiTest, FindsAContentByItsDigestInItsScope) {
  Save("hello", {{"Item-Scope", "a+b"}});
  const std::string path = std::string("/v1/contents/sha256/") + kHelloSha256;
  EXPECT_EQ(CodeOf(Get(path)), "not-found");
  for (const http::Response& found :
       {Get(path + "?scope=a+b"), Get(path + "?scope=a%2Bb"), Get(path, {{"Item-Scope", "a+b"}}),
        Get(path + "?scope=a+b", {{"Item-Scope", "a+b"}}),
        Send(Method::kHead, path + "?scope=a+b")}) {
    EXPECT_EQ(found.status, 200);
    EXPECT_EQ(found.body, "hello");
    EXPECT_EQ(FieldOf(found, "Content-Location"), "/v1/items/1");
  }
  EXPECT_EQ(Get(path + "?scope=a+b", {{"If-None-Match", "*"}}).status, 304);
  EXPECT_EQ(CodeOf(Get(path + "?scope=a+b", {{"Item-Scope", "c"}})), "invalid_argument");
  EXPECT_EQ(CodeOf(Get("/v1/contents/sha256/abc")), "invalid_argument");
}

TEST_F(ApiTest, ReadingInAScopeMakesItsNameNotKnown) {
  const std::string digest(kHelloSha256);
  const std::string path = "/v1/contents/sha256/" + digest;
  EXPECT_EQ(Get(path + "?scope=unheard-1").status, 404);
  EXPECT_EQ(Get(path, {{"Item-Scope", "unheard-2"}}).status, 404);
  EXPECT_EQ(Get(path + "?scope=unheard-3", {{"Item-Scope", "unheard-3"}}).status, 404);
  const auto missing = [&](const std::string& more, Headers headers) {
    headers.emplace_back("Content-Type", "application/json");
    return Post("/v1/contents:findMissing", "{\"sha256\":[\"" + digest + "\"]" + more + "}",
                headers)
        .body;
  };
  EXPECT_THAT(missing(R"(,"scope":"unheard-4")", {}), HasSubstr(digest));
  EXPECT_THAT(missing("", {{"Item-Scope", "unheard-5"}}), HasSubstr(digest));
  EXPECT_EQ(Get("/v1/operations/" + digest + ".unheard-6").status, 404);
  for (int i = 1; i <= 6; ++i) {  // of a name that is not known each loan is a scope of its own
    const std::string name = "unheard-" + std::to_string(i);
    const auto one = ScopeLoan::Named(name);
    const auto another = ScopeLoan::Named(name);
    EXPECT_NE(one->scope(), another->scope()) << name;
  }
}

TEST_F(ApiTest, TellsWhichContentsAreMissing) {
  Save("hello");
  const Headers json = {{"Content-Type", "application/json; charset=UTF-8"}};
  const std::string other(64, 'a');
  const std::string ask = R"({"sha256":[")" + std::string(kHelloSha256) + "\",\"" + other + "\"]}";
  EXPECT_EQ(Post("/v1/contents:findMissing", ask, json).body, R"({"missing":[")" + other + "\"]}");
  EXPECT_THAT(Post("/v1/contents:findMissing",
                   R"({"sha256":[")" + std::string(kHelloSha256) + R"("],"scope":"b"})", json)
                  .body,
              HasSubstr(kHelloSha256));
  std::string many = "{\"sha256\":[\"" + other + "\"";
  for (int i = 0; i < 10'000; ++i) many += ",\"" + other + "\"";
  for (const auto& [body, code] :
       {std::pair<std::string, std::string>(R"({"sha256":["a"]})", "invalid_argument"),
        {R"({"sha256":[1]})", "invalid_argument"},
        {R"({"sha256":1})", "invalid_argument"},
        {R"({"scope":1,"sha256":[]})", "invalid_argument"},
        {R"({"scope":"a b","sha256":[]})", "invalid_argument"},
        {"{}", "invalid_argument"},
        {"[]", "invalid_argument"},
        {many + "]}", "invalid_argument"},
        {R"({"sha256":[],"id":1})", "unknown_field"},
        {R"({"sha256":[],"sha256":[]})", "invalid_json"},
        {R"({"sha256":[]}x)", "invalid_json"},
        {R"({"sha256":["a"]}x)", "invalid_json"},
        {R"({"sha256":[1],"sha256":[]})", "invalid_json"},
        {R"({"id":1,"sha256":[)", "invalid_json"},
        {R"(["a",])", "invalid_json"},
        {"{\"sha256\":1,\"scope\":\"\xFF\"}", "invalid_utf8"},
        {"", "invalid_json"},
        {"{\"\xFF\":1}", "invalid_utf8"}})
    EXPECT_EQ(CodeOf(Post("/v1/contents:findMissing", body, json)), code) << body.substr(0, 40);
  EXPECT_EQ(CodeOf(Post("/v1/contents:findMissing", ask)), "unsupported-type");
}

TEST_F(ApiTest, TheScopeOfAQuestionStandsInItsBodyOrItsHeadButNotDifferently) {
  Save("hello", {{"Item-Scope", "a"}});
  const auto ask = [&](const std::string& more, const char* header) {
    return Post("/v1/contents:findMissing",
                R"({"sha256":[")" + std::string(kHelloSha256) + "\"]" + more + "}",
                {{"Content-Type", "application/json"}, {"Item-Scope", header}});
  };
  EXPECT_EQ(ask("", "a").body, R"({"missing":[]})");
  EXPECT_EQ(ask(R"(,"scope":"a")", "a").body, R"({"missing":[]})");
  EXPECT_THAT(ask("", "b").body, HasSubstr(kHelloSha256));
  for (const char* name : {"b", "default", "a b", ""})
    EXPECT_EQ(CodeOf(ask(R"(,"scope":")" + std::string(name) + "\"", "a")), "invalid_argument")
        << name;
}

TEST_F(ApiTest, BoundsTheLongQuestionsThatWaitForAWorker) {
  options_.gathered_bytes_max = 100;
  const Headers json = {{"Content-Type", "application/json"}};
  const std::string ask = R"({"sha256":[")" + std::string(64, 'a') + "\"]}";
  workers_are_busy_ = true;
  const auto first = Begin(Method::kPost, "/v1/contents:findMissing", json, ask);
  EXPECT_EQ(CodeOf(Post("/v1/contents:findMissing", ask, json)), "overloaded");
  workers_are_busy_ = false;
  Run();
  EXPECT_EQ(first->response->status, 200);
  EXPECT_EQ(Post("/v1/contents:findMissing", ask, json).status, 200);
}

TEST_F(ApiTest, ShowsAndAwaitsAnOperation) {
  const std::string path = std::string("/v1/operations/") + kHelloSha256 + ".default";
  EXPECT_EQ(CodeOf(Get(path)), "not-found");
  store_.Hold();
  const auto saving = BeginSave("hello", {{"X-Request-Id", "first"}});
  BeginSave("hello");
  const http::Response peek = Get(path);
  EXPECT_THAT(peek.body, HasSubstr(R"("state":"in-progress")"));
  EXPECT_EQ(FieldOf(peek, "Retry-After"), "1");
  const auto waiting = Begin(Method::kGet, path + "?wait=2");
  const auto patient = Begin(Method::kGet, path + "?wait=30");
  Advance(2s);
  EXPECT_THAT(waiting->response->body, HasSubstr(R"("state":"in-progress")"));
  const http::Response in_flight = Get("/v1/inflight?limit=5");
  EXPECT_THAT(in_flight.body, HasSubstr(R"("sender":"192.0.2.7 first")"));
  EXPECT_THAT(in_flight.body, HasSubstr(R"("for_seconds":2)"));
  EXPECT_THAT(in_flight.body, HasSubstr(R"("waiters":2)"));
  EXPECT_FALSE(patient->response);
  store_.Release();
  Run();
  EXPECT_THAT(patient->response->body, HasSubstr(R"("state":"saved","id":1)"));
  EXPECT_EQ(FieldOf(Get(path), "Content-Location"), "/v1/items/1");
  EXPECT_EQ(saving->response->status, 201);
  for (const std::string& name :
       {std::string("x"), std::string(64, 'a'), std::string(64, 'a') + ".",
        std::string(64, 'g') + ".a", std::string(64, 'a') + ".a%20b"})
    EXPECT_EQ(CodeOf(Get("/v1/operations/" + name)), "not-found") << name;
  EXPECT_EQ(CodeOf(Get(path + "?wait=x")), "invalid_argument");
}

TEST_F(ApiTest, TellsThoseWhoWaitedForAnOperationWhyItFailed) {
  store_.Hold();
  const auto saving = BeginSave("hello");
  const auto waiting =
      Begin(Method::kGet, std::string("/v1/operations/") + kHelloSha256 + ".default?wait=9");
  store_.FailNext(Error(ErrorCode::kStorageFull, "no space left"));
  store_.Release();
  Run();
  EXPECT_EQ(saving->response->status, 507);
  EXPECT_EQ(waiting->response->status, 200);
  EXPECT_THAT(waiting->response->body,
              HasSubstr(R"("state":"failed","problem":{"code":"storage-)"));
}

TEST_F(ApiTest, WithoutRoomToWaitForAnOperationDoesNotSayThatItFailed) {
  service_options_.in_flight_max = 1;
  store_.Hold();
  const auto saving = BeginSave("hello");
  const http::Response answer =
      Get(std::string("/v1/operations/") + kHelloSha256 + ".default?wait=9");
  EXPECT_EQ(CodeOf(answer), "overloaded");
  store_.Release();
  Run();
  EXPECT_EQ(saving->response->status, 201);
}

TEST_F(ApiTest, ASlowBackendIsNoOverload) {
  backend_ = std::make_unique<HeldBackend>();
  options_.admission.delay_target = Duration::zero();
  for (int i = 0; i < 20; ++i) {
    const auto saving = BeginSave("slow" + std::to_string(i));
    Advance(40s);
    backend_->End();
    Run();
    EXPECT_EQ(saving->response->status, 201);
  }
  EXPECT_FALSE(api().overloaded());
  const auto waiting = BeginSave("x", {{"Prefer", "wait=1"}});
  Advance(1s);
  EXPECT_EQ(FieldOf(*waiting->response, "Retry-After"), "38");  // what saves take
  backend_->End();
}

TEST_F(ApiTest, CountsAndShowsItsConfiguration) {
  options_.config_json = R"({"listen":"127.0.0.1:8080"})";
  Save("hello");
  Save("hello");
  const http::Response stats = Get("/v1/stats");
  EXPECT_THAT(stats.body, StartsWith(R"({"items":1,"content_bytes":5,)"));
  EXPECT_THAT(stats.body, HasSubstr(R"("created":1,"duplicates":1,"joined":0)"));
  const http::Response config = Get("/v1/config");
  EXPECT_THAT(config.body, StartsWith(R"({"settings":{"listen":"127.0.0.1:8080"},"limits":{)"));
  EXPECT_THAT(config.body, HasSubstr(R"("idempotency_key_lifetime_seconds":86400)"));
  EXPECT_THAT(Get("/").body, HasSubstr("curl"));
}

TEST_F(ApiTest, WorkWhoseTimeIsOverIsNotBegun) {
  Save("hello");
  const FakeRequest request(Method::kGet, "/v1/items/1", {{"Request-Timeout", "2"}});
  FakeExchange exchange(request, loop_);
  api().Handle(exchange);
  clock_.Set(clock_.Now() + 2s);
  Run();
  EXPECT_EQ(CodeOf(*exchange.answer()->response), "deadline-passed");
}

TEST_F(ApiTest, AQuestionForAnOperationWhoseTimeIsOverIsNotAsked) {
  Save("hello");
  const std::string path = std::string("/v1/operations/") + kHelloSha256 + ".default";
  workers_are_busy_ = true;
  const auto late = Begin(Method::kGet, path, {{"Request-Timeout", "2"}});
  store_.Hold();
  BeginSave("other");
  const auto shortened =
      Begin(Method::kGet, "/v1/operations/" + std::string(kOtherSha256) + ".default?wait=9",
            {{"Request-Timeout", "3"}});
  clock_.Set(clock_.Now() + 2s);
  workers_are_busy_ = false;
  Run();
  EXPECT_EQ(CodeOf(*late->response), "deadline-passed");
  EXPECT_FALSE(shortened->response);
  Advance(1s);  // what is left of its time, not of what it had at first
  EXPECT_THAT(shortened->response->body, HasSubstr(R"("state":"in-progress")"));
  store_.Release();
}

TEST_F(ApiTest, BoundsTheReadsThatWaitForAWorker) {
  options_.waiting_reads_max = 2;
  Save("hello");
  workers_are_busy_ = true;
  const auto first = Begin(Method::kGet, "/v1/items/1");
  const auto second =
      Begin(Method::kGet, std::string("/v1/operations/") + kHelloSha256 + ".default");
  for (const Route& route : Routes()) {
    if (route.method != Method::kGet || route.handle == nullptr) continue;
    std::string target(route.path);
    if (const auto brace = target.find('{'); brace != std::string::npos)
      target.replace(brace, target.find('}') - brace + 1,
                     target.contains("digest")      ? kHelloSha256
                     : target.contains("operation") ? std::string(kHelloSha256) + ".default"
                                                    : "1");
    const auto answer = Begin(Method::kGet, target);
    ASSERT_TRUE(answer->response) << target;
    if (answer->response->status == 200) continue;  // no worker is needed
    EXPECT_EQ(CodeOf(*answer->response), "overloaded") << target;
    EXPECT_EQ(FieldOf(*answer->response, "Retry-After"), "1");
  }
  workers_are_busy_ = false;
  Run();
  EXPECT_EQ(first->response->status, 200);
  EXPECT_EQ(second->response->status, 200);
  EXPECT_EQ(Get("/v1/items/1").status, 200);
}

TEST_F(ApiTest, HidesWhatWentWrongInsideAndTellsTheLog) {
  options_.config_json = "{}";
  verify_ = [](auto) -> Result<VerifyReport> {
    return Fail(ErrorCode::kCorrupt, "log/00001 is damaged");
  };
  const Streamed verify = Open(Method::kPost, "/v1/store:verify");
  Run();
  EXPECT_EQ(verify.stream->head().status, 500);
  EXPECT_THAT(verify.stream->written(), HasSubstr(R"("code":"internal")"));
  EXPECT_THAT(verify.stream->written(), Not(HasSubstr("damaged")));
  EXPECT_EQ(last_logged().detail, "log/00001 is damaged");
}

TEST_F(ApiTest, RefusesWhatItsHeadRulesOut) {
  const auto refused = [&](Method method, const std::string& target, Headers headers = {}) {
    const http::Response response = Send(method, target, std::move(headers));
    return std::to_string(response.status) + " " + CodeOf(response);
  };
  EXPECT_EQ(refused(Method::kGet, "/v2/items"), "404 not-found");
  EXPECT_EQ(refused(Method::kGet, "/metrics"), "404 not-found");
  EXPECT_EQ(refused(Method::kDelete, "/v1/items/1"), "405 method-not-allowed");
  EXPECT_EQ(refused(Method::kTrace, "/nowhere"), "405 method-not-allowed");
  EXPECT_EQ(refused(Method::kUnknown, "/v1/items"), "501 not-implemented");
  EXPECT_EQ(FieldOf(Send(Method::kPut, "/v1/items"), "Allow"), "POST, GET, HEAD");
  EXPECT_EQ(FieldOf(Send(Method::kPost, "/v1/stats"), "Allow"), "GET, HEAD");
  const Headers picture = {{"Accept", "image/png, image/*"}};
  EXPECT_EQ(refused(Method::kPost, "/v1/items", picture), "406 not-acceptable");
  EXPECT_EQ(Get("/", {{"Accept", "text/html;q=0.8, */*;q=0.1"}}).status, 200);
  EXPECT_EQ(refused(Method::kGet, "/v1/stats", {{"Accept", "application/json;q=0, */*"}}),
            "406 not-acceptable");
  EXPECT_EQ(refused(Method::kPost, "/v1/items", {{"Content-Encoding", "gzip"}}),
            "415 unsupported-encoding");
  EXPECT_EQ(refused(Method::kPost, "/v1/items:batch"), "415 unsupported-type");
  EXPECT_EQ(refused(Method::kPost, "/v1/items:batch", {{"Content-Type", "application/json"}}),
            "415 unsupported-type");
  EXPECT_EQ(refused(Method::kPost, "/v1/items:batch",
                    {{"Content-Type", "application/x-ndjson;charset=utf-7"}}),
            "415 unsupported-type");
}

TEST_F(ApiTest, GivesTheServersOwnProblemsTheSameForm) {
  const http::Response problem =
      api().Problem({.status = 431, .code = "head-too-large", .detail = "send fewer headers"});
  EXPECT_EQ(problem.status, 431);
  EXPECT_EQ(CodeOf(problem), "head-too-large");
  EXPECT_EQ(FieldOf(problem, "X-Request-Id").size(), 13U);
  EXPECT_EQ(last_logged().route, "unknown");
}

TEST_F(ApiTest, TellsTheServerWhatToDoWithABody) {
  options_.body_bytes_max = 1000;
  const auto plan = [&](Method method, const std::string& target, Headers headers = {}) {
    return api().Receive(FakeRequest(method, target, std::move(headers)).request(), "192.0.2.1");
  };
  EXPECT_EQ(plan(Method::kPost, "/v1/items").body_bytes_max, 1000U);
  EXPECT_EQ(plan(Method::kPost, "/v1/items:batch", {{"Content-Type", "application/x-ndjson"}})
                .body_bytes_max,
            SIZE_MAX);
  EXPECT_LT(plan(Method::kGet, "/v1/items/1").body_bytes_max, 100'000U);
  const Headers json = {{"Content-Type", "application/json"}};
  EXPECT_EQ(plan(Method::kPost, "/v1/contents:findMissing", json).body_bytes_max, 1U << 20);
  EXPECT_EQ(plan(Method::kPost, "/v1/parked/x:resolve", json).body_bytes_max, 64U << 10);
}

constexpr const char* kHelloOperation =
    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.a+json";

TEST_F(ApiTest, ListsWhatIsParked) {
  EXPECT_EQ(Get("/v1/parked").body, R"({"parked":[]})");
  parked_ = {{.key = *MakeContentKey(*Scope::Named("a"), "hello"), .since = {}, .by = "one:8080"}};
  EXPECT_EQ(Get("/v1/parked").body,
            R"({"parked":[{"sha256":")" + std::string(kHelloSha256) +
                R"(","scope":"a","since":"1970-01-01T00:00:00.000000Z","by":"one:8080",)"
                R"("resolved_as_saved":false}]})");
  parked_ = Fail(ErrorCode::kUnavailable, "away");
  EXPECT_EQ(CodeOf(Get("/v1/parked")), "store-unavailable");
}

TEST_F(ApiTest, ResolvesWhatIsParkedAsAnOperatorSays) {
  const std::string target = "/v1/parked/" + std::string(kHelloOperation) + ":resolve";
  const Headers json = {{"Content-Type", "application/json"}};
  EXPECT_EQ(Post(target, R"({"as":"saved"})", json).status, 204);
  EXPECT_EQ(Post(target, R"({"as":"send-again"})", json).status, 204);
  EXPECT_THAT(resolved_, ElementsAre(std::pair(kHelloOperation, Resolution::kSaved),
                                     std::pair(kHelloOperation, Resolution::kSendAgain)));
  for (const auto& [code, problem] : {std::pair(ErrorCode::kNotFound, "not-found"),
                                      {ErrorCode::kUnknown, "resolve-unknown"},
                                      {ErrorCode::kUnavailable, "store-unavailable"}}) {
    resolve_result_ = Fail(code, "no");
    EXPECT_EQ(CodeOf(Post(target, R"({"as":"saved"})", json)), problem);
  }
}

TEST_F(ApiTest, ResolvesNothingUnlessItIsToldClearly) {
  const std::string target = "/v1/parked/" + std::string(kHelloOperation) + ":resolve";
  const Headers json = {{"Content-Type", "application/json"}};
  for (const auto& [body, code] :
       {std::pair<std::string, std::string>("", "invalid_json"),
        {"{}", "invalid_argument"},
        {"[]", "invalid_argument"},
        {R"({"as":"lost"})", "invalid_argument"},
        {R"({"as":1})", "invalid_argument"},
        {R"({"as":"saved","by":"me"})", "unknown_field"},
        {R"({"as":"saved","as":"saved"})", "invalid_json"},
        {R"({"as":"saved"}x)", "invalid_json"},
        {R"({"by":"me","as":"saved"}x)", "invalid_json"},
        {R"({"as":"saved","by":)" + std::string(40, '['), "json_too_deep"},
        {"{\"\xFF\":1}", "invalid_utf8"}})
    EXPECT_EQ(CodeOf(Post(target, body, json)), code) << body;
  // What a web page could send to an operator's machine without being asked for permission.
  EXPECT_EQ(CodeOf(Post(target, R"({"as":"saved"})", {{"Content-Type", "text/plain"}})),
            "unsupported-type");
  EXPECT_EQ(CodeOf(Post("/v1/parked/2cf24d.a:resolve", R"({"as":"saved"})", json)), "not-found");
  EXPECT_THAT(resolved_, IsEmpty());
}

TEST_F(ApiTest, TellsWhichServersThereAre) {
  cluster_ = Cluster{.members = {{.id = 255,
                                  .is_self = true,
                                  .report = {.name = "a", .addresses = {"h:1"}, .redis = "none"},
                                  .heartbeat_age = std::chrono::milliseconds(500)},
                                 {.report = {.state = ServerState::kServing}, .is_gone = true}},
                     .schema_version = 3,
                     .generation = 2,
                     .parked = 5,
                     .claimed = 7,
                     .orphaned = 6};
  const http::Response answer = Get("/v1/cluster");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.starts_with(
      R"({"schema_version":3,"generation":2,"parked":5,"claimed":7,"orphaned":6,"problem":"","servers":[{"id":"ff",)"
      R"("name":"a","self":true,"state":"unknown","reason":"","heartbeat_age_seconds":0.5,"started_at":"1970-)"))
      << answer.body;
  EXPECT_TRUE(answer.body.contains(R"("addresses":["h:1"])"));
  EXPECT_TRUE(answer.body.contains(R"("state":"gone")"));
  cluster_ = Fail(ErrorCode::kUnavailable, "away");
  EXPECT_EQ(Get("/v1/cluster").status, 503);
}

}  // namespace
}  // namespace itemgate::server
