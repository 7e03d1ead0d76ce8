#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "client/fake_server.h"
#include "itemgate/client.h"

namespace itemgate::client {
namespace {

using namespace std::chrono_literals;
using Fault = FakeServer::Fault;

constexpr std::string_view kBadGateway = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";

class ClientSaveTest : public testing::Test {
 protected:
  std::unique_ptr<Client> MakeClient(ClientOptions options = {}) {
    return Client::Make(std::move(options), server_.Parts()).value();
  }

  FakeServer server_;
};

TEST_F(ClientSaveTest, SavesOnceAndKeepsItsConnection) {
  const auto client = MakeClient({.url = "http://items.example:9/api/"});
  const SaveResult created =
      client->SaveItem("hello", {.media_type = "text/plain", .sender = "my-id"});
  EXPECT_EQ(created.outcome, Outcome::kCreated);
  EXPECT_EQ(created.id, ItemId{1});
  EXPECT_EQ(client->SaveItem("hello").outcome, Outcome::kDuplicate);
  EXPECT_EQ(server_.connections, 1);
  EXPECT_EQ(server_.seen[0].target, "/api/v1/items");
  EXPECT_EQ(server_.seen[0].body, "hello");
  for (const char* field : {"\r\nHost: items.example:9\r\n", "\r\nUser-Agent: itemgate\r\n",
                            "\r\nX-Request-Id: my-id\r\n", "\r\nItem-Scope: default\r\n",
                            "\r\nContent-Type: text/plain\r\n", "\r\nRequest-Timeout: 119.750\r\n"})
    EXPECT_TRUE(server_.seen[0].head.contains(field)) << server_.seen[0].head;
  EXPECT_FALSE(server_.seen[1].head.contains("Content-Type"));
  EXPECT_FALSE(server_.seen[1].head.contains("my-id"));
}

TEST_F(ClientSaveTest, SaysHowLongItWouldWait) {
  const auto client = MakeClient();
  (void)client->SaveItem("a", {.if_in_flight = IfInFlight::kReject, .wait_max = 1500ms});
  (void)client->SaveItem("b", {.scope = Scope::Named("feed").value(), .wait_max = 0s});
  EXPECT_TRUE(server_.seen[0].head.contains("\r\nPrefer: wait=1.500\r\n"));
  EXPECT_TRUE(server_.seen[0].head.contains("\r\nIf-In-Flight: reject\r\n"));
  EXPECT_TRUE(server_.seen[1].head.contains("\r\nPrefer: respond-async\r\n"));
  EXPECT_TRUE(server_.seen[1].head.contains("\r\nItem-Scope: feed\r\n"));
}

TEST_F(ClientSaveTest, ARetryNeverMakesASecondItem) {
  for (const Fault fault : {Fault::kBreakAfter, Fault::kCutAnswer, Fault::kBreakBefore}) {
    SCOPED_TRACE(static_cast<int>(fault));
    FakeServer server;
    server.faults = {fault};
    const auto client = Client::Make({}, server.Parts()).value();
    const SaveResult result = client->SaveItem("hello");
    // The server saved it and then dropped the connection: nobody told this client that it was the one.
    const bool was_saved = fault != Fault::kBreakBefore;
    EXPECT_EQ(result.outcome, was_saved ? Outcome::kDuplicate : Outcome::kCreated);
    EXPECT_EQ(result.id, ItemId{1});
    EXPECT_EQ(server.items.size(), 1u);
    EXPECT_EQ(server.seen.size(), 2u);
    EXPECT_EQ(server.seen[0].body, server.seen[1].body);
  }
}

TEST_F(ClientSaveTest, KeepsItsWordWhateverHappensOnTheWay) {
  Random random(3);
  constexpr std::array kFaults{Fault::kNone,   Fault::kRefuseConnection, Fault::kBreakBefore,
                               Fault::kNone,   Fault::kBreakAfter,       Fault::kCutAnswer,
                               Fault::kInstead};
  server_.instead = kBadGateway;
  const auto client = MakeClient({.retry = {.retries_max = 100, .budget_per_second = 1e6}});
  std::map<std::string, ItemId> told;
  for (int round = 0; round < 500; ++round) {
    while (server_.faults.size() < 5)
      server_.faults.push_back(kFaults[random.Below(kFaults.size())]);
    if (random.Below(10) == 0) server_.CloseConnections();
    server_.piece_bytes = 1 + random.Below(50);
    std::vector<std::string> contents;
    for (std::uint64_t i = random.Below(4) + 1; i > 0; --i)
      contents.push_back("item " + std::to_string(random.Below(100)));
    const std::vector<std::string_view> views(contents.begin(), contents.end());
    const auto results = client->SaveItems(views);
    ASSERT_EQ(results.size(), contents.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      ASSERT_TRUE(results[i].saved()) << results[i].message();
      EXPECT_EQ(told.try_emplace(contents[i], results[i].id).first->second, results[i].id);
      EXPECT_EQ(server_.items.at(contents[i]), results[i].id.value);
    }
  }
  EXPECT_EQ(told.size(), server_.items.size());
}

TEST_F(ClientSaveTest, ReplacesAConnectionThatTheServerHasClosedWithoutARetry) {
  const auto client = MakeClient({.retry = {.retries_max = 0}});
  EXPECT_EQ(client->SaveItem("a").outcome, Outcome::kCreated);
  server_.CloseConnections();
  EXPECT_EQ(client->SaveItem("b").outcome, Outcome::kCreated);
  EXPECT_EQ(server_.connections, 2);
  server_.faults = {Fault::kBreakAfter};
  EXPECT_EQ(client->SaveItem("c").outcome, Outcome::kDuplicate);
  EXPECT_EQ(server_.connections, 3);
  EXPECT_TRUE(server_.waits.empty());
}

TEST_F(ClientSaveTest, TellsThatNoServerIsThere) {
  server_.faults.assign(100, Fault::kRefuseConnection);
  const SaveResult result = MakeClient()->SaveItem("a");
  EXPECT_EQ(result.outcome, Outcome::kUnavailable);
  EXPECT_EQ(result.error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(result.error->message,
            "cannot reach the server at http://127.0.0.1:8080: Connection refused; is it running? "
            "(itemgate serve)");
  EXPECT_EQ(server_.waits.size(), 8u);
}

TEST_F(ClientSaveTest, KeepsItsCallsFromAServerThatRefusesMostOfThem) {
  constexpr std::string_view kOverloaded = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
  server_.instead = kOverloaded;
  server_.faults.assign(1000, Fault::kInstead);
  const auto client = MakeClient({.retry = {.retries_max = 0}});
  SaveResult result;
  for (int i = 0; i < 1000; ++i) {
    result = client->SaveItem("a");
    ASSERT_EQ(result.outcome, Outcome::kUnavailable);
  }
  EXPECT_LT(server_.seen.size(), 200u);
  EXPECT_EQ(result.error->message,
            "the server at http://127.0.0.1:8080 refuses most requests, so this one was not sent; "
            "send it again later");
  // Neither are they tried again.
  const auto eager = MakeClient(
      {.retry = {
           .retries_max = 100, .backoff_min = 1ms, .backoff_max = 1ms, .budget_per_second = 1e6}});
  const std::size_t seen = server_.seen.size();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(eager->SaveItem("a").outcome, Outcome::kUnavailable);
  EXPECT_LT(server_.seen.size() - seen, 200u);
  // It is asked again and again, so that its first yes is heard.
  server_.faults.clear();
  server_.clock.Set(server_.clock.Now() + 2s);
  EXPECT_EQ(client->SaveItem("a").outcome, Outcome::kCreated);
}

/// A network whose connections cannot be secured.
class InsecureNetwork final : public Network {
 public:
  Result<std::unique_ptr<Connection>> Connect(Instant) override {
    return Fail(ErrorCode::kIo, "the certificate is refused");
  }
  void Wait(Duration) override {}
};

TEST_F(ClientSaveTest, NothingWasBegunWithoutASecureConnection) {
  const auto client =
      Client::Make({.url = "https://items.example"},
                   {.clock = server_.clock, .network = std::make_unique<InsecureNetwork>()});
  const SaveResult result = (*client)->SaveItem("a");
  EXPECT_EQ(result.outcome, Outcome::kUnavailable);
  EXPECT_EQ(result.error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(result.error->message,
            "there is no secure connection to the server at https://items.example: the certificate "
            "is refused");
}

TEST_F(ClientSaveTest, CallsUnknownWhatWasSentAndNeverAnswered) {
  server_.faults.assign(100, Fault::kSilence);
  const SaveResult result = MakeClient({.deadline = 7s})->SaveItem("a");
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.error->code, ErrorCode::kUnknown);
  EXPECT_EQ(server_.clock.Now().time_since_epoch(), 7s);
  EXPECT_EQ(server_.seen.size(), 1u);
}

TEST_F(ClientSaveTest, CallsUnknownWhatAnAttemptMayHaveSavedThatWasNotTheLast) {
  const std::string instead[]{FakeServer::Answer(503, R"({"code":"draining"})"),
                              FakeServer::Answer(502, R"({"code":"save-failed"})"),
                              FakeServer::Answer(507, R"({"code":"storage-full"})")};
  for (const Fault first : {Fault::kBreakAfter, Fault::kNone}) {
    for (const std::string& last : instead) {
      FakeServer server;
      server.in_progress = first == Fault::kNone ? 1 : 0;
      server.faults.assign(20, Fault::kInstead);
      server.faults.front() = first;
      server.instead = last;
      const SaveResult result = Client::Make({}, server.Parts()).value()->SaveItem("a");
      EXPECT_EQ(result.outcome, Outcome::kUnknown) << last;
      EXPECT_EQ(result.error->code, ErrorCode::kUnknown);
      EXPECT_TRUE(result.error->message.starts_with("an earlier attempt may have saved it; "));
    }
  }
  server_.faults.assign(20, Fault::kRefuseConnection);
  server_.faults.front() = Fault::kBreakAfter;
  EXPECT_EQ(MakeClient()->SaveItem("a").outcome, Outcome::kUnknown);
}

TEST_F(ClientSaveTest, CallsUnknownWhatWasSentOverAKeptConnectionThatBroke) {
  const auto client = MakeClient({.retry = {.retries_max = 0}});
  const std::string_view contents[]{"b", "c"};
  server_.instead = FakeServer::Answer(503, "");
  for (const Fault then : {Fault::kRefuseConnection, Fault::kInstead}) {
    EXPECT_TRUE(client->SaveItem("a").saved());
    server_.faults = {Fault::kBreakAfter, then};
    EXPECT_EQ(client->SaveItem("b").outcome, Outcome::kUnknown);
    EXPECT_TRUE(client->SaveItem("a").saved());
    server_.faults = {Fault::kBreakAfter, then};
    for (const SaveResult& result : client->SaveItems(contents))
      EXPECT_EQ(result.outcome, Outcome::kUnknown);
  }
  EXPECT_TRUE(client->SaveItem("a").saved());
  server_.CloseConnections();  // before anything was sent
  server_.faults = {Fault::kRefuseConnection};
  EXPECT_EQ(client->SaveItem("b").outcome, Outcome::kUnavailable);
}

TEST_F(ClientSaveTest, KnowsOfEachContentOfABatchWhetherItMayHaveBegun) {
  int calls = 0;
  server_.status_instead = [&](std::string_view content) {
    return content == "slow" && calls++ == 0 ? 202 : 503;
  };
  const std::string_view contents[]{"slow", "busy"};
  const auto results = MakeClient()->SaveItems(contents);
  EXPECT_EQ(results[0].outcome, Outcome::kUnknown);
  EXPECT_EQ(results[1].outcome, Outcome::kUnavailable);
}

TEST_F(ClientSaveTest, WhatIsParkedIsUnknownAndNotSentAgain) {
  server_.faults = {Fault::kInstead};
  server_.instead = FakeServer::Answer(409, R"({"code":"parked","detail":"an operator decides"})");
  const SaveResult result = MakeClient()->SaveItem("a");
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.error->code, ErrorCode::kParked);
  EXPECT_EQ(result.error->message, "an operator decides");
  EXPECT_EQ(server_.seen.size(), 1u);
}

TEST_F(ClientSaveTest, TriesAgainWhatMayGoBetterAndNothingElse) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    FakeServer server;
    server.faults = {Fault::kInstead, Fault::kInstead};
    server.instead = FakeServer::Answer(status, "");
    EXPECT_EQ(Client::Make({}, server.Parts()).value()->SaveItem("a").outcome, Outcome::kCreated);
    EXPECT_EQ(server.seen.size(), 3u) << status;
  }
  for (const int status : {400, 404, 413, 415, 422, 501, 507}) {
    FakeServer server;
    server.faults = {Fault::kInstead, Fault::kInstead};
    server.instead = FakeServer::Answer(status, R"({"code":"x","detail":"do this"})");
    const SaveResult result = Client::Make({}, server.Parts()).value()->SaveItem("a");
    EXPECT_FALSE(result.saved());
    EXPECT_EQ(result.error->message, "do this");
    EXPECT_EQ(server.seen.size(), 1u) << status;
  }
}

TEST_F(ClientSaveTest, WaitsAsLongAsTheServerAsksAndNeverBeyondTheDeadline) {
  server_.instead = FakeServer::Answer(503, "", "Retry-After: 3\r\n");
  server_.faults = {Fault::kInstead};
  EXPECT_EQ(MakeClient()->SaveItem("a").outcome, Outcome::kCreated);
  ASSERT_EQ(server_.waits.size(), 1u);
  EXPECT_GE(server_.waits[0], 3s);
  EXPECT_LT(server_.waits[0], 3050ms);
  server_.faults.assign(10, Fault::kInstead);
  const Instant begin = server_.clock.Now();
  EXPECT_EQ(MakeClient({.deadline = 10s})->SaveItem("b").outcome, Outcome::kUnavailable);
  EXPECT_LT(server_.clock.Now() - begin, 10s);
  EXPECT_EQ(server_.seen.size(), 2u + 4u);
}

TEST_F(ClientSaveTest, StopsRetryingWhenTheBudgetIsUsedUp) {
  server_.faults.assign(100'000, Fault::kInstead);
  server_.instead = kBadGateway;
  const auto client = MakeClient({.retry = {.backoff_min = 1us, .backoff_max = 1us}});
  constexpr std::size_t kCalls = 1000;
  for (std::size_t i = 0; i < kCalls; ++i) EXPECT_FALSE(client->SaveItem("a").saved());
  EXPECT_EQ(server_.seen.size(), kCalls + kCalls / 5 + 100);
}

TEST_F(ClientSaveTest, SavesManyInOneRequest) {
  const std::vector<std::string_view> contents{"a", "b", "a"};
  const auto results = MakeClient()->SaveItems(contents, {.media_type = "text/plain"});
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[1].id, ItemId{2});
  EXPECT_EQ(results[2].outcome, Outcome::kDuplicate);
  EXPECT_EQ(results[2].id, ItemId{1});
  ASSERT_EQ(server_.seen.size(), 1u);
  EXPECT_TRUE(server_.seen[0].head.contains("\r\nItem-Media-Type: text/plain\r\n"));
  EXPECT_TRUE(MakeClient()->SaveItems({}).empty());
}

TEST_F(ClientSaveTest, AsksOnceMoreForTheReasonsOfARefusal) {
  const std::vector<std::string_view> contents{"a", "", "b"};
  const auto results = MakeClient()->SaveItems(contents);
  EXPECT_EQ(results[0].outcome, Outcome::kCreated);
  EXPECT_EQ(results[1].outcome, Outcome::kRejected);
  EXPECT_EQ(results[1].error->code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(results[1].error->message, "it is empty");
  EXPECT_EQ(results[2].outcome, Outcome::kCreated);
  ASSERT_EQ(server_.seen.size(), 2u);
  EXPECT_EQ(server_.seen[1].body, "{\"content\":\"\"}\n");
  EXPECT_TRUE(server_.waits.empty());
}

TEST_F(ClientSaveTest, SendsAgainOnlyWhatHasNoAnswer) {
  server_.faults = {Fault::kCutAnswer};
  std::vector<std::string> contents;
  for (int i = 0; i < 100; ++i) contents.push_back("item " + std::to_string(i));
  const std::vector<std::string_view> views(contents.begin(), contents.end());
  const auto results = MakeClient()->SaveItems(views);
  for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i].id, ItemId{i + 1});
  EXPECT_EQ(results.front().outcome, Outcome::kCreated);
  EXPECT_EQ(results.back().outcome, Outcome::kDuplicate);
  ASSERT_EQ(server_.seen.size(), 2u);
  const auto again = std::ranges::count(server_.seen[1].body, 'm');  // of "item"
  EXPECT_GT(again, 40);
  EXPECT_LT(again, 60);
}

TEST_F(ClientSaveTest, ARetryIsAsShortAsTheFirstAttempt) {
  server_.faults = {Fault::kInstead};
  server_.instead = FakeServer::Answer(503, "");
  const std::string controls(10'000, '\x01');  // six times as long in JSON
  const std::vector<std::string_view> contents{controls, "b"};
  for (const SaveResult& result : MakeClient()->SaveItems(contents))
    EXPECT_EQ(result.outcome, Outcome::kCreated);
  ASSERT_EQ(server_.seen.size(), 2u);
  EXPECT_EQ(server_.seen[1].body, server_.seen[0].body);
}

TEST_F(ClientSaveTest, AsksInLinesForReasonsOnly) {
  int refusals = 1;
  server_.status_instead = [&](std::string_view content) {
    return content == "busy" && refusals-- > 0 ? 503 : 0;
  };
  const std::vector<std::string_view> contents{"busy", "", "b"};
  const auto results = MakeClient()->SaveItems(contents);
  EXPECT_EQ(results[0].outcome, Outcome::kCreated);
  EXPECT_EQ(results[1].error->message, "it is empty");
  ASSERT_EQ(server_.seen.size(), 3u);
  EXPECT_TRUE(server_.seen[1].body.ends_with("busy")) << server_.seen[1].body;
  EXPECT_EQ(server_.seen[2].body, "{\"content\":\"\"}\n");
}

TEST_F(ClientSaveTest, GivesTheReasonOfABatchThatWasRefusedAsAWhole) {
  server_.faults.assign(9, Fault::kInstead);
  server_.instead = FakeServer::Answer(415, R"({"code":"unsupported-type","detail":"do this"})");
  const std::vector<std::string_view> contents{"a", "b"};
  for (const SaveResult& result : MakeClient()->SaveItems(contents)) {
    EXPECT_EQ(result.outcome, Outcome::kRejected);
    EXPECT_EQ(result.error->message, "do this");
  }
  EXPECT_EQ(server_.seen.size(), 1u);
}

TEST_F(ClientSaveTest, LetsNoMediaTypeBreakTheRequest) {
  const auto client = MakeClient();
  const std::string_view types[]{"text/plain\r\nEvil: yes", "application/vnd.itemgate.item+json",
                                 "Application/Vnd.Itemgate.Batch", " text/plain"};
  for (const std::string_view type : types) {
    server_.seen.clear();
    EXPECT_TRUE(client->SaveItem(type, {.media_type = type}).saved());
    ASSERT_EQ(server_.seen.size(), 1u);
    EXPECT_FALSE(server_.seen[0].head.contains("Evil"));
    EXPECT_EQ(server_.seen[0].target, "/v1/items:batch") << type;
  }
}

TEST_F(ClientSaveTest, SaysThatWhatAnswersIsNoItemgateServer) {
  server_.faults = {Fault::kInstead};
  server_.instead = "SSH-2.0-OpenSSH_9.2\r\n";
  const SaveResult result = MakeClient()->SaveItem("a");
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_TRUE(result.error->message.ends_with("is that the address of an Itemgate server?"))
      << result.error->message;
  EXPECT_EQ(server_.seen.size(), 1u);
}

}  // namespace
}  // namespace itemgate::client
