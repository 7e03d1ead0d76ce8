#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "key/digest.h"
#include "server/route_table.h"
#include "testing/api_fixture.h"

namespace itemgate::server {
namespace {

using namespace std::chrono_literals;
using http::Method;
using testing::HasSubstr;

constexpr const char* kHelloSha256 =
    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

TEST_F(ApiTest, SavesTheBodyAndAnswersARepeatWithItsId) {
  const http::Response first = Save("hello");
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(first.body, R"({"outcome":"created","id":1})");
  EXPECT_EQ(FieldOf(first, "Location"), "/v1/items/1");
  EXPECT_EQ(FieldOf(first, "Item-Id"), "1");
  EXPECT_EQ(FieldOf(first, "Item-Outcome"), "created");
  EXPECT_EQ(FieldOf(first, "X-Request-Id").size(), 13U);
  const http::Response second = Save("hello");
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, R"({"outcome":"duplicate","id":1})");
  EXPECT_EQ(FieldOf(second, "Content-Location"), "/v1/items/1");
  EXPECT_NE(FieldOf(second, "X-Request-Id"), FieldOf(first, "X-Request-Id"));
}

TEST_F(ApiTest, AnswersAKnownDuplicateWithinHandle) {
  Save("hello");
  const FakeRequest request(Method::kPost, "/v1/items", {}, "hello");
  FakeExchange exchange(request, loop_);
  api().Handle(exchange);
  EXPECT_FALSE(exchange.was_deferred());
  ASSERT_TRUE(exchange.answer()->response);
  EXPECT_EQ(exchange.answer()->response->status, 200);
  EXPECT_EQ(api().in_flight(), 0U);
}

TEST_F(ApiTest, TellsTheLogOfEveryAnswer) {
  Save("hello", {{"X-Request-Id", "mine"},
                 {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  EXPECT_EQ(last_logged().route, "/v1/items");
  EXPECT_EQ(last_logged().method, "POST");
  EXPECT_EQ(last_logged().status, 201);
  EXPECT_EQ(last_logged().bytes_in, 5U);
  EXPECT_EQ(last_logged().bytes_out, 28U);
  EXPECT_EQ(last_logged().request_id, "mine");
  EXPECT_EQ(last_logged().trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(last_logged().peer, "192.0.2.7");
  Save("", {{"X-Request-Id", "two words"}});
  EXPECT_EQ(last_logged().code, "empty-content");
  EXPECT_EQ(last_logged().request_id.size(), 13U);
  EXPECT_EQ(log_.answers().size(), 2U);
}

TEST_F(ApiTest, KeepsScopesApartWhereverTheyAreNamed) {
  EXPECT_EQ(Save("hello").status, 201);
  EXPECT_EQ(Save("hello", {{"Item-Scope", "a"}}).status, 201);
  EXPECT_EQ(Post("/v1/scopes/a/items", "hello").status, 200);
  EXPECT_EQ(Post("/v1/scopes/%61/items", "hello").status, 200);
  EXPECT_EQ(Post("/v1/scopes/%2561/items", "hello").status, 400);  // decoded once
  EXPECT_EQ(CodeOf(Save("hello", {{"Item-Scope", "a b"}})), "invalid_argument");
  EXPECT_EQ(CodeOf(Save("hello", {{"Item-Scope", "a"}, {"item-scope", "b"}})), "invalid_argument");
  EXPECT_EQ(Post("/v1/scopes//items", "hello").status, 404);
  EXPECT_EQ(Post("/v1/scopes/a/items", "hello", {{"Item-Scope", "a"}}).status, 200);
  EXPECT_EQ(CodeOf(Post("/v1/scopes/a/items", "hello", {{"Item-Scope", "b"}})), "invalid_argument");
}

TEST_F(ApiTest, AQueryThatMeansNothingIsRefusedAndNothingIsSaved) {
  EXPECT_EQ(CodeOf(Post("/v1/items?scope=a", "hello")), "invalid_argument");
  for (const Route& route : Routes()) {
    std::string target(route.path);
    if (const auto brace = target.find('{'); brace != std::string::npos)
      target.replace(brace, target.find('}') - brace + 1, "1");
    const http::Response refused = Send(route.method, target + "?nonsense=1", {}, "hello");
    EXPECT_EQ(refused.status, 400) << target;
    EXPECT_EQ(CodeOf(refused), "invalid_argument") << target;
  }
  EXPECT_EQ(Save("hello").status, 201);
}

TEST_F(ApiTest, ComparesCanonicalJsonInAScopeThatSaysSo) {
  EXPECT_EQ(Post("/v1/scopes/feed+json/items", R"({"a":1,"b":2})").status, 201);
  EXPECT_EQ(Post("/v1/scopes/feed+json/items", R"({"b":2.0, "a":1})").status, 200);
  const http::Response refused = Post("/v1/scopes/feed+json/items", "{");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(CodeOf(refused), "not-canonical");
}

TEST_F(ApiTest, JoinsASaveUnderWayOrIsToldThatItIs) {
  store_.Hold();
  const auto first = BeginSave("hello");
  const auto joining = BeginSave("hello");
  const http::Response rejected = Save("hello", {{"If-In-Flight", "reject"}});
  EXPECT_EQ(rejected.status, 409);
  EXPECT_EQ(CodeOf(rejected), "content-in-progress");
  EXPECT_EQ(FieldOf(rejected, "Retry-After"), "1");
  EXPECT_THAT(rejected.body, HasSubstr(std::string(kHelloSha256) + ".default"));
  EXPECT_EQ(Save("hello", {{"If-None-Match", "*"}}).status, 409);
  EXPECT_FALSE(first->response);
  EXPECT_EQ(api().in_flight(), 2U);
  store_.Release();
  Run();
  EXPECT_EQ(first->response->status, 201);
  EXPECT_EQ(joining->response->status, 200);
  EXPECT_EQ(joining->response->body, R"({"outcome":"joined","id":1})");
  EXPECT_EQ(api().in_flight(), 0U);
  const http::Response exists = Save("hello", {{"If-None-Match", "*"}});
  EXPECT_EQ(exists.status, 412);
  EXPECT_EQ(CodeOf(exists), "already-exists");
  EXPECT_THAT(exists.body, HasSubstr("\"itemId\":1"));
}

TEST_F(ApiTest, WhoeverSavesItIsNotToldThatSomebodyElseDoes) {
  store_.Hold();
  const http::Response async = Save("a", {{"Prefer", "respond-async"}, {"If-In-Flight", "reject"}});
  EXPECT_EQ(async.status, 202);
  EXPECT_EQ(FieldOf(async, "Preference-Applied"), "respond-async");
  const auto only_new = BeginSave("b", {{"Prefer", "wait=1"}, {"If-None-Match", "*"}});
  Advance(1s);
  EXPECT_EQ(only_new->response->status, 202);
  EXPECT_EQ(Save("b", {{"If-None-Match", "*"}}).status, 409);
  for (int saves = 0; saves < 2; ++saves) {
    store_.Release();
    Run();
  }
}

TEST_F(ApiTest, WaitsAsLongAsPreferredAndThenNamesTheOperation) {
  store_.Hold();
  const auto waiting = BeginSave("hello", {{"Prefer", "handling=strict, wait=2.5"}});
  Advance(2499ms);
  EXPECT_FALSE(waiting->response);
  Advance(1ms);
  ASSERT_TRUE(waiting->response);
  EXPECT_EQ(waiting->response->status, 202);
  const std::string operation = std::string(kHelloSha256) + ".default";
  EXPECT_EQ(waiting->response->body,
            R"({"outcome":"in-progress","operation":")" + operation + "\"}");
  EXPECT_EQ(FieldOf(*waiting->response, "Location"), "/v1/operations/" + operation);
  EXPECT_EQ(FieldOf(*waiting->response, "Preference-Applied"), "wait=2.5");
  EXPECT_EQ(FieldOf(*waiting->response, "Retry-After"), "1");
  const http::Response async = Save("hello", {{"Prefer", "respond-async"}});
  EXPECT_EQ(async.status, 202);
  EXPECT_EQ(FieldOf(async, "Preference-Applied"), "respond-async");
  store_.Release();
  Run();
  EXPECT_EQ(Save("hello", {{"Prefer", "respond-async"}}).status, 200);
}

TEST_F(ApiTest, BoundsTheWaitByItsOptionsAndByRequestTimeout) {
  store_.Hold();
  const auto long_wait = BeginSave("a", {{"Prefer", "wait=1000"}});
  const auto short_time = BeginSave("a", {{"Prefer", "wait=1000"}, {"Request-Timeout", "3"}});
  Advance(3s);
  EXPECT_EQ(short_time->response->status, 202);
  EXPECT_FALSE(long_wait->response);
  Advance(57s);
  EXPECT_EQ(long_wait->response->status, 202);
  EXPECT_EQ(FieldOf(*long_wait->response, "Preference-Applied"), "wait=60");
  const http::Response late = Save("b", {{"Request-Timeout", "0"}});
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(CodeOf(late), "deadline-passed");
  EXPECT_EQ(CodeOf(Save("b", {{"Request-Timeout", "soon"}})), "invalid_argument");
  store_.Release();
}

TEST_F(ApiTest, ChecksDigestsOfTheBody) {
  const std::string right = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
  EXPECT_EQ(Save("hello", {{"Content-Digest", right}}).status, 201);
  EXPECT_EQ(Save("hello", {{"Repr-Digest", "md5=:AAAA:, " + right}}).status, 200);
  EXPECT_EQ(Save("hello", {{"Content-Digest", "unixsum=30637"}}).status, 200);
  const http::Response other = Save("hallo", {{"Content-Digest", right}});
  EXPECT_EQ(other.status, 400);
  EXPECT_EQ(CodeOf(other), "digest-mismatch");
  EXPECT_EQ(CodeOf(Save("hello", {{"Content-Digest", "sha-256=:no:"}})), "invalid_argument");
  const std::string value = right.substr(right.find(':'));
  for (const char* name : {"SHA-256=", "sha-256 = "})
    EXPECT_EQ(CodeOf(Save("hallo", {{"Content-Digest", name + value}})), "digest-mismatch");
  EXPECT_EQ(Save("hello", {{"Content-Digest", right + ";note=1"}}).status, 200);
  const std::string longer =
      "sha-512=:m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/"
      "3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==:";
  EXPECT_EQ(Save("hello", {{"Content-Digest", longer}}).status, 200);
  EXPECT_EQ(Save("hello", {{"Content-Digest", right + ", " + longer}}).status, 200);
  for (const std::string& both : {longer, longer + ", " + right})
    EXPECT_EQ(CodeOf(Save("hallo", {{"Content-Digest", both}})), "digest-mismatch") << both;
  EXPECT_EQ(CodeOf(Save("hello", {{"Content-Digest", right + ", sha-512=:AAAA:"}})),
            "invalid_argument");
}

TEST_F(ApiTest, SavesAnItemThatIsDescribed) {
  const Headers described = {{"Content-Type", "application/vnd.itemgate.item+json"}};
  const http::Response saved =
      Save(R"({"content":"h\u0065llo","mediaType":"text/plain","scope":"a"})", described);
  EXPECT_EQ(saved.status, 201);
  const http::Response item = Get("/v1/items/1");
  EXPECT_EQ(item.body, "hello");
  EXPECT_EQ(FieldOf(item, "Content-Type"), "text/plain");
  EXPECT_EQ(FieldOf(item, "Item-Scope"), "a");
  EXPECT_EQ(Save(R"({"contentBase64":"aGVsbG8=","scope":"a"})", described).status, 200);
  EXPECT_EQ(CodeOf(Save(R"({"content":5})", described)), "invalid_content");
  EXPECT_EQ(CodeOf(Save("", described)), "invalid_json");
  EXPECT_EQ(
      Save("{}", {{"Content-Type", "application/vnd.itemgate.item+json; charset=utf-7"}}).status,
      415);
}

TEST_F(ApiTest, BoundsTheLongContentsThatWaitForAWorker) {
  options_.loop_body_bytes_max = 10;
  options_.gathered_bytes_max = 25;
  const FakeRequest request(Method::kPost, "/v1/items", {}, "twenty bytes of text");
  FakeExchange first(request, loop_);
  FakeExchange second(request, loop_);
  api().Handle(first);
  api().Handle(second);
  ASSERT_TRUE(second.answer()->response);
  EXPECT_EQ(CodeOf(*second.answer()->response), "overloaded");
  Run();
  EXPECT_EQ(first.answer()->response->status, 201);
  EXPECT_EQ(Save("twenty bytes, anothr").status, 201);
}

TEST_F(ApiTest, LeavesLongContentsToAWorker) {
  options_.loop_body_bytes_max = 10;
  const std::string content = "eleven bytes and more";
  const FakeRequest request(Method::kPost, "/v1/items",
                            {{"Content-Type", "text/x-long"}, {"Idempotency-Key", "\"k\""}},
                            content);
  FakeExchange exchange(request, loop_);
  api().Handle(exchange);
  EXPECT_TRUE(exchange.was_deferred());
  EXPECT_EQ(service().Statistics().in_flight, 0U);
  Run();
  EXPECT_EQ(exchange.answer()->response->status, 201);
  EXPECT_EQ(Save(content).status, 200);
  EXPECT_EQ(Save(content, {{"Prefer", "respond-async"}}).status, 200);
  EXPECT_EQ(Save(content + "!", {{"Prefer", "respond-async"}}).status, 202);
  EXPECT_EQ(FieldOf(Save(content, {{"Idempotency-Key", "\"k\""}}), "Idempotent-Replayed"), "true");
  EXPECT_EQ(CodeOf(Save(content, {{"Content-Digest", "sha-256=:no:"}})), "invalid_argument");
  EXPECT_EQ(FieldOf(Get("/v1/items/1"), "Content-Type"), "text/x-long");
}

TEST_F(ApiTest, ALongContentDoesNotWaitForReaders) {
  options_.loop_body_bytes_max = 4;
  workers_are_busy_ = true;
  const auto listing = Begin(http::Method::kGet, "/v1/items");
  EXPECT_EQ(Save("a long content").status, 201);
  EXPECT_FALSE(listing->response);
  workers_are_busy_ = false;
  Run();
  EXPECT_EQ(listing->response->status, 200);
}

TEST_F(ApiTest, SaysWhySomethingWasNotSaved) {
  store_.FailNext(Error(ErrorCode::kStorageFull, "no space left"));
  const http::Response full = Save("a");
  EXPECT_EQ(full.status, 507);
  EXPECT_EQ(CodeOf(full), "storage-full");
  store_.FailNext(Error(ErrorCode::kUnknown, "the disk did not say"));
  const http::Response unknown = Save("b");
  EXPECT_EQ(unknown.status, 502);
  EXPECT_EQ(CodeOf(unknown), "save-unknown");
  store_.FailNext(Error(ErrorCode::kIo, "the disk said no"));
  EXPECT_EQ(CodeOf(Save("c")), "save-failed");
  store_.FailNext(Error(ErrorCode::kUnavailable, "the store is broken"));
  const http::Response unavailable = Save("d");
  EXPECT_EQ(CodeOf(unavailable), "store-unavailable");
  EXPECT_EQ(FieldOf(unavailable, "Retry-After"), "1");
  const http::Response long_type = Save("e", {{"Content-Type", std::string(256, 'x')}});
  EXPECT_EQ(CodeOf(long_type), "invalid_argument");
  EXPECT_EQ(CodeOf(Save("e", {{"Content-Type", "text/\xC3\xA9"}})), "invalid_argument");
  EXPECT_EQ(CodeOf(Save("e", {{"If-None-Match", "\"tag\""}})), "invalid_argument");
  EXPECT_EQ(CodeOf(Save("e", {{"If-In-Flight", "maybe"}})), "invalid_argument");
}

TEST_F(ApiTest, AParkedContentIsForAnOperatorAndNotToBeSentAgain) {
  const std::string operation = std::string(kHelloSha256) + ".default";
  const auto park = [&] { store_.FailNext(Error(ErrorCode::kParked, "perhaps at /secret")); };
  park();
  const http::Response parked = Save("hello");
  EXPECT_EQ(parked.status, 409);
  EXPECT_EQ(CodeOf(parked), "parked");
  EXPECT_EQ(FieldOf(parked, "Item-Outcome"), "unknown");
  EXPECT_EQ(FieldOf(parked, "Retry-After"), "");
  EXPECT_THAT(parked.body, HasSubstr(R"("retryable":false,"operation":")" + operation + "\""));
  EXPECT_THAT(parked.body, HasSubstr("an operator decides"));
  EXPECT_THAT(parked.body, Not(HasSubstr("/secret")));
  park();
  EXPECT_THAT(Batch("{\"content\":\"hello\"}\n"),
              HasSubstr(R"("status":409,"outcome":"unknown","problem":{"code":"parked")"));
  store_.Hold();
  const auto saving = BeginSave("hello");
  const auto waiting = Begin(Method::kGet, "/v1/operations/" + operation + "?wait=9");
  park();
  store_.Release();
  Run();
  EXPECT_EQ(saving->response->status, 409);
  EXPECT_THAT(waiting->response->body,
              HasSubstr(R"("state":"failed","problem":{"code":"parked","status":409)"));
}

TEST_F(ApiTest, ReplaysTheAnswerToAnIdempotencyKey) {
  const http::Response first = Save("a", {{"Idempotency-Key", "\"k1\""}});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(FieldOf(first, "Idempotent-Replayed"), "false");
  const http::Response again = Save("a", {{"Idempotency-Key", "k1"}});
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(FieldOf(again, "Idempotent-Replayed"), "true");
  EXPECT_EQ(CodeOf(Save("b", {{"Idempotency-Key", "k1"}})), "key-reused");
  EXPECT_EQ(Save("b", {{"Idempotency-Key", "k1"}, {"Item-Scope", "s"}}).status, 201);
  EXPECT_EQ(Save("c", {{"Idempotency-Key", "\"order 17\""}}).status, 201);
  EXPECT_EQ(FieldOf(Save("c", {{"Idempotency-Key", "\"order 17\""}}), "Idempotent-Replayed"),
            "true");
  for (const std::string& key : {std::string("\"\""), std::string(256, 'k'), std::string("a b")})
    EXPECT_EQ(CodeOf(Save("a", {{"Idempotency-Key", key}})), "key-invalid");
  Advance(24h);
  EXPECT_EQ(Save("b", {{"Idempotency-Key", "k1"}}).status, 201);
}

TEST_F(ApiTest, AnAnswerAboutWhatMayBeLostIsNotReplayed) {
  EXPECT_EQ(Save("a", {{"Idempotency-Key", "k"}}).status, 201);
  store_.EndByLoss();
  const http::Response again = Save("a", {{"Idempotency-Key", "k"}});
  EXPECT_EQ(again.status, 503);
  EXPECT_EQ(CodeOf(again), "store-unavailable");
}

TEST_F(ApiTest, AnIdempotencyKeyUnderWayIsAConflictAndAFailureForgetsIt) {
  store_.Hold();
  const auto first = BeginSave("a", {{"Idempotency-Key", "k"}});
  const http::Response second = Save("a", {{"Idempotency-Key", "k"}});
  EXPECT_EQ(second.status, 409);
  EXPECT_EQ(CodeOf(second), "request-in-progress");
  store_.FailNext(Error(ErrorCode::kStorageFull, "no space left"));
  store_.Release();
  Run();
  EXPECT_EQ(first->response->status, 507);
  const auto third = BeginSave("a", {{"Idempotency-Key", "k"}});
  store_.Release();
  Run();
  EXPECT_EQ(third->response->status, 201);
  EXPECT_EQ(FieldOf(*third->response, "Idempotent-Replayed"), "false");
}

TEST_F(ApiTest, AKeyDoesNotTurnARefusalIntoASuccess) {
  Save("a");
  const FakeRequest::Headers headers = {{"Idempotency-Key", "k"}, {"If-None-Match", "*"}};
  EXPECT_EQ(Save("a", headers).status, 412);
  EXPECT_EQ(Save("a", headers).status, 412);
  EXPECT_EQ(Save("b", {{"If-None-Match", "*"}, {"If-None-Match", "*"}}).status, 400);
}

TEST_F(ApiTest, WhatWentWrongInsideIsForTheLogAlone) {
  store_.FailNext(Error(ErrorCode::kStorageFull, "cannot write /secret/log: no space left"));
  const http::Response full = Save("a");
  EXPECT_EQ(full.status, 507);
  EXPECT_THAT(full.body, Not(HasSubstr("/secret")));
  EXPECT_THAT(full.body, HasSubstr("disk is full"));
  EXPECT_THAT(last_logged().detail, HasSubstr("/secret/log"));
  store_.FailNext(Error(ErrorCode::kStorageFull, "cannot write /secret/log: no space left"));
  EXPECT_THAT(Batch("{\"content\":\"a\"}\n"), Not(HasSubstr("/secret")));
}

TEST_F(ApiTest, AProblemOfTheProtocolSaysWhatItIsAndWhoCausedIt) {
  const http::Response response = api().Problem({.status = 400,
                                                 .code = "bad_framing",
                                                 .detail = "A line must end with CR LF.",
                                                 .peer = "192.0.2.9"});
  EXPECT_EQ(CodeOf(response), "bad_framing");
  EXPECT_THAT(response.body, HasSubstr("A line must end with CR LF."));
  EXPECT_EQ(last_logged().peer, "192.0.2.9");
  EXPECT_EQ(last_logged().route, "unknown");
  const FakeRequest request(http::Method::kPost, "/v1/items", {{"X-Request-Id", "mine"}});
  const http::Response too_large = api().Problem(
      {.status = 413, .code = "too-large", .detail = "Too large.", .request = &request.request()});
  EXPECT_EQ(FieldOf(too_large, "X-Request-Id"), "mine");
  EXPECT_EQ(last_logged().route, "/v1/items");
  EXPECT_EQ(last_logged().method, "POST");
  Send(http::Method::kPatch, "/v1/items");
  EXPECT_EQ(last_logged().status, 405);
  EXPECT_EQ(last_logged().peer, "192.0.2.7");
}

TEST_F(ApiTest, AWaitThatEndsEarlyLeavesTheKeyToItsSave) {
  const FakeRequest::Headers key = {{"Idempotency-Key", "k"}};
  store_.Hold();
  const auto first = BeginSave("a", {{"Idempotency-Key", "k"}, {"Prefer", "wait=1"}});
  Advance(1s);
  EXPECT_EQ(first->response->status, 202);
  EXPECT_EQ(Save("b", key).status, 422);
  EXPECT_EQ(CodeOf(Save("a", key)), "request-in-progress");
  store_.Release();
  Run();
  const http::Response replay = Save("a", key);
  EXPECT_EQ(replay.status, 200);
  EXPECT_EQ(FieldOf(replay, "Idempotent-Replayed"), "true");
  EXPECT_EQ(Save("b", key).status, 422);
}

TEST_F(ApiTest, AnIdempotencyKeyWhoseSaveFailedAfterTheWaitIsFree) {
  const FakeRequest::Headers key = {{"Idempotency-Key", "k"}};
  store_.Hold();
  const auto first = BeginSave("a", {{"Idempotency-Key", "k"}, {"Prefer", "wait=1"}});
  Advance(1s);
  store_.FailNext(Error(ErrorCode::kFailed, "refused"));
  store_.Release();
  Run();
  const auto second = BeginSave("b", key);
  store_.Release();
  Run();
  EXPECT_EQ(second->response->status, 201);
}

TEST_F(ApiTest, RefusesNewSavesWhileDrainingAndGoesOnReading) {
  Save("hello");
  store_.Hold();
  const auto before = BeginSave("other");
  api().SetDraining();
  const http::Response refused = Save("hello");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(CodeOf(refused), "draining");
  EXPECT_TRUE(refused.close);
  EXPECT_EQ(FieldOf(refused, "Retry-After"), "1");
  EXPECT_EQ(Get("/v1/items/1").status, 200);
  store_.Release();
  Run();
  EXPECT_EQ(before->response->status, 201);
}

TEST_F(ApiTest, RefusesNewContentsButNotKnownOnesAtTheLimitOfThoseInFlight) {
  options_.admission.in_flight_max = 2;
  Save("known");
  store_.Hold();
  const auto first = BeginSave("a");
  const auto second = BeginSave("b");
  const http::Response refused = Save("c");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(CodeOf(refused), "too-many-in-flight");
  EXPECT_EQ(Save("known").status, 200);
  EXPECT_EQ(service().Statistics().in_flight, 2U);
  store_.Release();
  Run();
  store_.Release();
  Run();
  EXPECT_EQ(second->response->status, 201);
  EXPECT_EQ(api().in_flight(), 0U);
}

TEST_F(ApiTest, SavesAContentUnderTheDigestThatThePathNames) {
  const std::string path = std::string("/v1/contents/sha256/") + kHelloSha256;
  const http::Response created =
      Send(Method::kPut, path, {{"Content-Type", "text/plain"}}, "hello");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(FieldOf(created, "Location"), "/v1/items/1");
  EXPECT_EQ(Send(Method::kPut, path, {}, "hello").status, 200);
  EXPECT_EQ(Send(Method::kPut, path, {{"If-None-Match", "*"}}, "hello").status, 412);
  EXPECT_EQ(Get(path).body, "hello");

  const http::Response other = Send(Method::kPut, path, {}, "hallo");
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(CodeOf(other), "other-content");
  EXPECT_EQ(CodeOf(Send(Method::kPut, path, {}, "")), "empty-content");
  EXPECT_EQ(CodeOf(Send(Method::kPut, "/v1/contents/sha256/2cf2", {}, "hello")),
            "invalid_argument");
  EXPECT_EQ(service().Statistics().created, 1U);

  // Where JSON is compared, it is the canonical form that has the digest.
  const std::string json_path = "/v1/contents/sha256/" + Sha256(R"({"a":1})").ToHex();
  const Headers json = {{"Item-Scope", "x+json"}, {"Content-Type", "application/json"}};
  EXPECT_EQ(Send(Method::kPut, json_path, json, R"({ "a" : 1 })").status, 201);
  EXPECT_EQ(CodeOf(Send(Method::kPut, json_path, json, R"({"a":)")), "not-canonical");
  // A long one is digested by another thread.
  const std::string content(100'000, 'x');
  const std::string long_path = "/v1/contents/sha256/" + Sha256(content).ToHex();
  EXPECT_EQ(Send(Method::kPut, long_path, {}, content).status, 201);
  EXPECT_EQ(CodeOf(Send(Method::kPut, path, {}, content)), "other-content");
}

TEST_F(ApiTest, ShedsNewContentsWhileTheStoreIsSlowAndTakesThemAgainAfterwards) {
  options_.admission.in_flight_always = 1;
  store_.Hold();
  Save("known", {{"Prefer", "respond-async"}});
  store_.Release();
  Run();
  Overload();
  const auto admitted = BeginSave("one");
  const http::Response refused = Save("two");
  EXPECT_EQ(CodeOf(refused), "overloaded");
  EXPECT_EQ(Save("known").status, 200);
  store_.Release();
  Run();
  for (int i = 0; i < 400 && api().overloaded(); ++i) {  // each takes no time
    const auto quick = BeginSave("quick" + std::to_string(i));
    store_.Release();
    Advance(1ms);
  }
  EXPECT_FALSE(api().overloaded());
  EXPECT_EQ(admitted->response->status, 201);
}

TEST_F(ApiTest, KeepsContentsVerbatimAndTellsTwinsApart) {
  int id = 0;
  for (const std::string& content :
       {std::string("\0", 1), std::string("*1\r\n$8\r\nFLUSHALL\r\n"), std::string("'; DROP TABLE"),
        std::string("%n%s${jndi}\x1b[2J"), std::string("caf\xC3\xA9"), std::string("cafe\xCC\x81"),
        std::string("a"), std::string("a "), std::string("A"), std::string("\xC0\xAF\xFF")}) {
    EXPECT_EQ(Save(content).status, 201);
    EXPECT_EQ(Get("/v1/items/" + std::to_string(++id)).body, content);
  }
}

}  // namespace
}  // namespace itemgate::server
