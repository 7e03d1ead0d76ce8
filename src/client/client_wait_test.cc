#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "client/fake_server.h"
#include "itemgate/client.h"

namespace itemgate::client {
namespace {

using namespace std::chrono_literals;
using Fault = FakeServer::Fault;

/// Of saves that the server says are under way.
class ClientWaitTest : public testing::Test {
 protected:
  std::unique_ptr<Client> MakeClient(ClientOptions options = {}) {
    return Client::Make(std::move(options), server_.Parts()).value();
  }

  FakeServer server_;
};

TEST_F(ClientWaitTest, GoesOnWaitingForASaveThatTakesLong) {
  server_.in_progress = 5;
  const auto client = MakeClient();
  EXPECT_EQ(client->SaveItem("a").outcome, Outcome::kCreated);
  EXPECT_EQ(server_.seen.size(), 6u);
  server_.in_progress = 1;
  EXPECT_EQ(client->SaveItem("b", {.wait_max = 1s}).outcome, Outcome::kInProgress);
  server_.in_progress = 1 << 30;
  const Instant begin = server_.clock.Now();
  EXPECT_EQ(MakeClient({.deadline = 2s})->SaveItem("b").outcome, Outcome::kInProgress);
  EXPECT_LT(server_.clock.Now() - begin, 2s);
}

TEST_F(ClientWaitTest, AsksForWhatIsUnderWayAsSeldomAsTheServerSays) {
  server_.instead = FakeServer::Answer(202, R"({"outcome":"in-progress"})", "Retry-After: 7\r\n");
  server_.faults.assign(2, Fault::kInstead);
  EXPECT_TRUE(MakeClient()->SaveItem("a").saved());
  EXPECT_EQ(server_.waits, (std::vector<Duration>{7s, 7s}));
  server_.waits.clear();
  server_.faults.assign(1000, Fault::kInstead);
  const Instant begin = server_.clock.Now();
  EXPECT_EQ(MakeClient({.deadline = 8s})->SaveItem("b").outcome, Outcome::kInProgress);
  EXPECT_LT(server_.clock.Now() - begin, 8s);
  EXPECT_GT(server_.clock.Now() - begin, 7900ms);
  EXPECT_EQ(server_.waits.front(), 4s);
}

TEST_F(ClientWaitTest, AsksMoreAndMoreSeldomForContentsOfABatch) {
  int asked = 0;
  server_.status_instead = [&](std::string_view content) {
    return content == "slow" && ++asked < 6 ? 202 : 0;
  };
  const std::string_view contents[]{"slow", "quick"};
  for (const SaveResult& result : MakeClient()->SaveItems(contents)) EXPECT_TRUE(result.saved());
  EXPECT_EQ(server_.waits, (std::vector<Duration>{50ms, 100ms, 200ms, 400ms, 800ms}));
}

TEST_F(ClientWaitTest, AsksAtOnceWhereTheServerHasWaitedItself) {
  int asked = 0;
  server_.status_instead = [&](std::string_view content) {
    if (content != "slow" || ++asked >= 4) return 0;
    server_.clock.Set(server_.clock.Now() + 10s);
    return 202;
  };
  const std::string_view contents[]{"slow", "quick"};
  for (const SaveResult& result : MakeClient()->SaveItems(contents)) EXPECT_TRUE(result.saved());
  EXPECT_EQ(server_.waits, (std::vector<Duration>{50ms, 50ms, 50ms}));
}

TEST_F(ClientWaitTest, GoesOnWaitingForOneWhenAnotherIsNotRetriedAnyMore) {
  int asked = 0;
  server_.status_instead = [&](std::string_view content) {
    if (content == "busy") return 503;
    return ++asked <= 30 ? 202 : 0;
  };
  const std::vector<std::string_view> contents{"busy", "slow"};
  const auto results = MakeClient()->SaveItems(contents);
  EXPECT_EQ(results[0].outcome, Outcome::kUnavailable);
  EXPECT_EQ(results[1].outcome, Outcome::kCreated);
  const auto sent = [&](std::string_view content) {
    return std::ranges::count_if(server_.seen,
                                 [&](const auto& s) { return s.body.contains(content); });
  };
  EXPECT_EQ(sent("busy"), 1 + 8);
  EXPECT_EQ(sent("slow"), 31);
}

}  // namespace
}  // namespace itemgate::client
