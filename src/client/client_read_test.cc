#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "client/fake_server.h"
#include "itemgate/client.h"
#include "key/digest.h"
#include "key/item_json.h"

namespace itemgate::client {
namespace {

using namespace std::chrono_literals;
using Fault = FakeServer::Fault;

Item MakeItem(std::uint64_t id, const std::string& content) {
  return {.id = ItemId{id}, .key = MakeContentKey({}, content).value(), .content = content};
}

std::string ItemsBody(const std::vector<Item>& items) {
  std::string body;
  for (const Item& item : items)
    body += (body.empty() ? "" : ",") + ItemJson(item, ItemContent::kInclude);
  return "{\"items\":[" + body + "]}";
}

class ClientReadTest : public testing::Test {
 protected:
  ClientReadTest() {
    server_.answer_other = [this](const FakeServer::Seen&) {
      return FakeServer::Answer(status_, body_, fields_);
    };
  }

  std::unique_ptr<Client> MakeClient(ClientOptions options = {}) {
    return Client::Make(std::move(options), server_.Parts()).value();
  }

  [[nodiscard]] std::string LastTarget() const { return server_.seen.back().target; }

  FakeServer server_;
  int status_ = 200;
  std::string body_;
  std::string fields_;
};

TEST_F(ClientReadTest, ReadsPagesWithinTheirLimits) {
  body_ = ItemsBody({MakeItem(5, "aaaa"), MakeItem(6, "bbbb"), MakeItem(7, "cccc")});
  const auto client = MakeClient();
  EXPECT_EQ(client->GetAllItems(ItemId{4})->size(), 3u);
  EXPECT_EQ(LastTarget(), "/v1/items?after=4&limit=1000");
  EXPECT_EQ(client->GetAllItems(ItemId{4}, {.items_max = 2})->size(), 2u);
  EXPECT_EQ(client->GetAllItems({}, {.content_bytes_max = 8})->size(), 2u);
  EXPECT_EQ(client->GetAllItems({}, {.content_bytes_max = 1})->size(), 1u);
}

TEST_F(ClientReadTest, GetsAnItemByItsId) {
  body_ = ItemsBody({MakeItem(5, "hello")});
  const auto client = MakeClient();
  const auto item = client->GetItem(ItemId{5});
  ASSERT_TRUE(item) << item.error().message;
  EXPECT_EQ(item->content, "hello");
  EXPECT_EQ(item->key.length, 5u);
  EXPECT_EQ(LastTarget(), "/v1/items?after=4&limit=1");
  EXPECT_EQ(client->GetItem(ItemId{4}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(client->GetItem(ItemId{0}).error().code, ErrorCode::kNotFound);
  body_ = "{\"items\":[]}";
  EXPECT_EQ(client->GetItem(ItemId{5}).error().code, ErrorCode::kNotFound);
}

TEST_F(ClientReadTest, FindsAnItemWithoutSendingItsContent) {
  server_.answer_other = [](const FakeServer::Seen& seen) {
    if (seen.method == "HEAD") return std::string("HTTP/1.1 200 OK\r\nItem-Id: 5\r\n\r\n");
    return FakeServer::Answer(200, ItemsBody({MakeItem(5, "hello")}));
  };
  const auto found = MakeClient()->FindItemsWithContent("hello", Scope::Named("feed").value());
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().id, ItemId{5});
  EXPECT_EQ(server_.seen[0].target, "/v1/contents/sha256/" + Sha256("hello").ToHex());
  EXPECT_TRUE(server_.seen[0].head.contains("\r\nItem-Scope: feed\r\n"));
}

TEST_F(ClientReadTest, FindsNothingWhereThereIsNothing) {
  status_ = 404;
  const auto client = MakeClient();
  EXPECT_TRUE(client->FindItemsWithContent("hello")->empty());
  const ContentKey key = MakeContentKey({}, "hello").value();
  EXPECT_EQ(client->FindIds(std::array{key, key}).value(),
            (std::vector<std::optional<ItemId>>{std::nullopt, std::nullopt}));
  EXPECT_EQ(client->FindItemsWithContent("{", Scope::Named("a+json").value()).error().code,
            ErrorCode::kNotCanonical);
}

TEST_F(ClientReadTest, AsksForManyDigestsAtOnce) {
  const std::vector<Digest> digests(25'000, Sha256("x"));
  body_ = R"({"missing":[")" + Sha256("x").ToHex() + "\"]}";
  const auto missing = MakeClient()->FindMissing(digests);
  ASSERT_TRUE(missing) << missing.error().message;
  EXPECT_EQ(*missing, std::vector<Digest>(3, Sha256("x")));
  EXPECT_EQ(server_.seen.size(), 3u);
}

TEST_F(ClientReadTest, WaitsForASaveByItsKey) {
  body_ = R"({"state":"saved","id":4})";
  const ContentKey key = MakeContentKey(Scope::Named("feed").value(), "x").value();
  const SaveResult result = MakeClient()->AwaitSave(key, 2s);
  EXPECT_EQ(result.outcome, Outcome::kDuplicate);
  EXPECT_EQ(result.id, ItemId{4});
  EXPECT_EQ(LastTarget(), "/v1/operations/" + Sha256("x").ToHex() + ".feed?wait=2.000");
}

TEST_F(ClientReadTest, CountsAndListsWhatIsInFlight) {
  body_ = R"({"items":5,"created":3,"saves":[]})";
  const auto client = MakeClient();
  EXPECT_EQ(client->StoreStatisticsNow()->items, 5u);
  EXPECT_EQ(client->Statistics()->created, 3u);
  EXPECT_TRUE(client->InFlightSaves(7)->empty());
  EXPECT_EQ(LastTarget(), "/v1/inflight?limit=7");
}

TEST_F(ClientReadTest, ReadsWhichServersThereAre) {
  body_ =
      R"({"schema_version":3,"generation":2,"parked":5,"claimed":7,"orphaned":6,"problem":"away",)"
      R"("servers":[{"id":"ff","name":"a","self":true,"state":"draining","reason":"","heartbeat_age_seconds":0.5,)"
      R"("started_at":"2024-05-01T12:00:00.000001Z",)"
      R"("version":"1","schema_version":3,"generation":2,"redis":"none","lock":"none","created":4,"in_flight":5,)"
      R"("addresses":["h:1","h:2"]},{"name":"b","state":"gone","started_at":"2024-05-01T12:00:00.000001Z",)"
      R"("addresses":[]}]})";
  const auto cluster = MakeClient()->ClusterNow();
  ASSERT_TRUE(cluster) << cluster.error().message;
  EXPECT_EQ(LastTarget(), "/v1/cluster");
  EXPECT_EQ(cluster->schema_version, 3);
  EXPECT_EQ(cluster->generation, 2);
  EXPECT_EQ(cluster->parked, 5u);
  EXPECT_EQ(cluster->claimed, 7u);
  EXPECT_EQ(cluster->orphaned, 6u);
  EXPECT_EQ(cluster->problem, "away");
  ASSERT_EQ(cluster->members.size(), 2u);
  const Member& member = cluster->members[0];
  EXPECT_EQ(member.id, 255u);
  EXPECT_TRUE(member.is_self);
  EXPECT_EQ(member.report.state, ServerState::kDraining);
  EXPECT_EQ(member.heartbeat_age, 500ms);
  EXPECT_EQ(member.report.addresses, (std::vector<std::string>{"h:1", "h:2"}));
  EXPECT_EQ(member.report.created, 4u);
  EXPECT_TRUE(cluster->members[1].is_gone);
  body_ = R"({"servers":[{"name":"a"}]})";
  EXPECT_EQ(MakeClient()->ClusterNow().error().code, ErrorCode::kUnsupported);
}

TEST_F(ClientReadTest, ReadsWhatIsParked) {
  body_ =
      R"({"parked":[{"sha256":")" + Sha256("x").ToHex() +
      R"(","scope":"feed","since":"2024-05-01T12:00:00.000001Z","by":"a","resolved_as_saved":true}]})";
  const auto parked = MakeClient()->ParkedContents();
  ASSERT_TRUE(parked) << parked.error().message;
  EXPECT_EQ(LastTarget(), "/v1/parked");
  ASSERT_EQ(parked->size(), 1u);
  EXPECT_EQ(parked->front().key.digest, Sha256("x"));
  EXPECT_EQ(parked->front().key.scope.name(), "feed");
  EXPECT_EQ(parked->front().by, "a");
  EXPECT_TRUE(parked->front().is_resolved_as_saved);
  body_ = R"({"parked":[{"sha256":"x"}]})";
  EXPECT_EQ(MakeClient()->ParkedContents().error().code, ErrorCode::kUnsupported);
}

TEST_F(ClientReadTest, ResolvesWhatIsParkedAndNeverSendsThatTwice) {
  const ContentKey key = MakeContentKey(Scope::Named("feed").value(), "x").value();
  status_ = 204;
  EXPECT_TRUE(MakeClient()->ResolveParked(key, Resolution::kSendAgain));
  EXPECT_EQ(LastTarget(), "/v1/parked/" + Sha256("x").ToHex() + ".feed:resolve");
  EXPECT_EQ(server_.seen.back().body, R"({"as":"send-again"})");
  const std::size_t before = server_.seen.size();
  server_.faults = {FakeServer::Fault::kBreakAfter};
  EXPECT_EQ(MakeClient()->ResolveParked(key, Resolution::kSaved).error().code, ErrorCode::kUnknown);
  EXPECT_EQ(server_.seen.size(), before + 1);
  server_.faults = {FakeServer::Fault::kRefuseConnection};
  EXPECT_EQ(MakeClient()->ResolveParked(key, Resolution::kSaved).error().code,
            ErrorCode::kUnavailable);
}

TEST_F(ClientReadTest, ResolvesOverAConnectionOfItsOwn) {
  const auto client = MakeClient();
  body_ = R"({"items":5})";
  ASSERT_TRUE(client->StoreStatisticsNow());  // and keeps the connection
  const std::size_t before = server_.seen.size();
  server_.faults = {Fault::kBreakAfter};
  const auto resolved =
      client->ResolveParked(MakeContentKey({}, "x").value(), Resolution::kSendAgain);
  EXPECT_EQ(resolved.error().code, ErrorCode::kUnknown);
  EXPECT_EQ(server_.seen.size(), before + 1);
  EXPECT_EQ(server_.connections, 2);
}

TEST_F(ClientReadTest, VerifiesAndTellsHowFarItIs) {
  body_ =
      "{\"items_done\":10}\n{\"items_done\":20}\n"
      "{\"done\":true,\"items\":25,\"content_bytes\":7,\"problem_count\":0,\"problems\":[]}\n";
  std::vector<std::uint64_t> progress;
  const auto report = MakeClient()->Verify([&](std::uint64_t items) { progress.push_back(items); });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->items, 25u);
  EXPECT_EQ(progress, (std::vector<std::uint64_t>{10, 20}));
  EXPECT_FALSE(server_.seen[0].head.contains("Request-Timeout"));
  body_ = "{\"items_done\":10}\n";
  EXPECT_FALSE(MakeClient()->Verify([](std::uint64_t) {}));
  status_ = 501;
  body_ = R"({"code":"not-implemented","detail":"a store in memory"})";
  EXPECT_EQ(MakeClient()->Verify([](std::uint64_t) {}).error().code, ErrorCode::kUnsupported);
}

TEST_F(ClientReadTest, ReadsAgainAfterAFailureAndThenTellsIt) {
  body_ = R"({"items":5})";
  server_.faults = {Fault::kBreakAfter, Fault::kInstead};
  server_.instead = FakeServer::Answer(500, "");
  EXPECT_EQ(MakeClient()->StoreStatisticsNow()->items, 5u);
  server_.faults.assign(20, Fault::kBreakBefore);
  const auto broken = MakeClient()->StoreStatisticsNow();
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(broken.error().message,
            "no answer from the server at http://127.0.0.1:8080: the connection was closed before "
            "there was a response");
}

TEST_F(ClientReadTest, RefusesAnAnswerBeyondTheLimit) {
  body_ = R"({"items":5})" + std::string(1000, ' ');
  const auto read = MakeClient({.answer_bytes_max = 1000})->StoreStatisticsNow();
  EXPECT_EQ(read.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(server_.seen.size(), 1u);
}

TEST_F(ClientReadTest, DoesNotReuseAConnectionThatTheServerCloses) {
  body_ = R"({"items":5})";
  fields_ = "Connection: close\r\n";
  const auto client = MakeClient();
  EXPECT_TRUE(client->StoreStatisticsNow());
  EXPECT_TRUE(client->StoreStatisticsNow());
  EXPECT_EQ(server_.connections, 2);
}

TEST_F(ClientReadTest, SaysThatTheServerSpeaksTls) {
  server_.instead = "\x15\x03\x01";
  for (int i = 0; i < 2; ++i) {
    server_.faults = {Fault::kInstead};
    const auto read = MakeClient()->StoreStatisticsNow();
    EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(read.error().message,
              "cannot use the server at http://127.0.0.1:8080: the server speaks TLS on this port: "
              "write https:// in its address");
    server_.instead = FakeServer::Answer(400, "<h1>The plain HTTP request was sent to HTTPS port");
  }
}

TEST_F(ClientReadTest, SaysThatTheServerWantsACertificate) {
  server_.faults = {Fault::kInstead};
  server_.instead = FakeServer::Answer(400, "<h1>No required SSL certificate was sent</h1>");
  const auto read = MakeClient({.url = "https://items.example"})->StoreStatisticsNow();
  EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(read.error().message.contains("--client-certificate-file")) << read.error().message;
}

TEST(ClientOptions, AreChecked) {
  EXPECT_FALSE(Client::Make({.url = "ftp://items.example"}));
  EXPECT_FALSE(Client::Make({.url = "https://items.example", .tls = {.ca_file = "/nowhere"}}));
  EXPECT_FALSE(Client::Make({.deadline = 0s}));
  EXPECT_FALSE(Client::Make({.connect_timeout = 0s}));
  EXPECT_FALSE(Client::Make({.user_agent = "a\r\nb"}));
  EXPECT_FALSE(Client::Make({.retry = {.backoff_min = 0s}}));
  EXPECT_EQ(Client::Make({.url = "items.example:9/"}).value()->url(), "http://items.example:9");
  EXPECT_EQ(Client::Make({.url = "https://items.example/"}).value()->url(),
            "https://items.example");
}

}  // namespace
}  // namespace itemgate::client
