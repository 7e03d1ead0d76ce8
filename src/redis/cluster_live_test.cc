// A cluster of three real servers.

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "redis/cluster.h"
#include "testing/eventually.h"
#include "testing/redis_live.h"
#include "testing/redis_server.h"

namespace itemgate::redis {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// Slots are known before their nodes are connected.
constexpr CallOptions kPatient{.timeout = std::chrono::seconds(20),
                               .when_down = CallOptions::WhenDown::kWait};

class ClusterLiveTest : public testing::Test {
 protected:
  ClusterLiveTest() {
    for (auto& server : servers_)
      server = std::make_unique<RedisServer>(RedisServer::Options{.cluster = true});
    std::vector<std::string> create{"--cluster", "create"};
    for (const auto& server : servers_) create.push_back(server->ClusterAddress());
    create.insert(create.end(), {"--cluster-yes"});
    servers_[0]->Run(create);
    for (const auto& server : servers_)
      EXPECT_TRUE(Eventually(
          [&] { return server->Run({"CLUSTER", "INFO"}).contains("cluster_state:ok"); }));
    const auto settings =
        ParseConnectionText("redis+cluster://" + servers_[1]->endpoint().ToString());
    loop_.Run([&] {
      cluster_ = *Cluster::Make(loop_.context(), *settings);
      cluster_->Start();
    });
    EXPECT_TRUE(Eventually([&] { return loop_.Run([&] { return cluster_->is_complete(); }); }));
  }
  ~ClusterLiveTest() override {
    loop_.Run([this] { cluster_.reset(); });
  }

  Told Call(const std::string& key, const CommandList& commands) {
    std::promise<Told> result;
    loop_.Run([&] {
      cluster_->Send(key, commands, kPatient,
                     [&](const Answer& answer) { result.set_value(Told(answer)); });
    });
    return result.get_future().get();
  }
  std::uint64_t Redirections() {
    return loop_.Run([this] { return cluster_->redirections(); });
  }
  RedisServer& OwnerOf(const std::string& key) {
    for (const auto& server : servers_)
      if (server->Run({"GET", key}).find("MOVED") == std::string::npos) return *server;
    ADD_FAILURE() << "nobody has " << key;
    return *servers_[0];
  }

  std::array<std::unique_ptr<RedisServer>, 3> servers_;
  LiveLoop loop_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(ClusterLiveTest, SendsEachKeyToItsNode) {
  for (int i = 0; i < 50; ++i) {
    const std::string key = "key" + std::to_string(i);
    CommandList commands("SET", key, i);
    commands.Add("GET", key);
    EXPECT_THAT(Call(key, commands).replies, ElementsAre("OK", std::to_string(i)));
  }
  EXPECT_EQ(Redirections(), 0u);
  EXPECT_THAT(Call("a", CommandList("MSET", "a", "1", "b", "2")).replies,
              ElementsAre(StartsWith("-CROSSSLOT")));
}

TEST_F(ClusterLiveTest, RunsScriptsOnEachNode) {
  const Script script("return redis.call('INCR', KEYS[1])");
  for (const std::string_view key : {"a", "b", "c", "d", "a"}) {
    std::promise<Told> result;
    loop_.Run([&] {
      const std::array<std::string_view, 1> keys{key};
      cluster_->Eval(script, {keys, {}}, kPatient,
                     [&](const Answer& answer) { result.set_value(Told(answer)); });
    });
    EXPECT_EQ(result.get_future().get().replies.at(0).size(), 1u);
  }
  EXPECT_EQ(OwnerOf("a").Run({"GET", "a"}), "2");
}

TEST_F(ClusterLiveTest, FollowsASlotThatIsBeingMovedAndWasMoved) {
  const std::string slot = std::to_string(ClusterSlot("moves"));
  const RedisServer& from = OwnerOf("moves");
  const RedisServer& to = &from == servers_[0].get() ? *servers_[1] : *servers_[0];
  const std::string from_id = from.Run({"CLUSTER", "MYID"});
  const std::string to_id = to.Run({"CLUSTER", "MYID"});
  to.Run({"CLUSTER", "SETSLOT", slot, "IMPORTING", from_id});
  from.Run({"CLUSTER", "SETSLOT", slot, "MIGRATING", to_id});
  EXPECT_THAT(Call("moves", CommandList("SET", "moves", "1")).replies,
              ElementsAre("OK"));  // by ASK
  EXPECT_EQ(Redirections(), 1u);
  for (const auto& server : servers_) server->Run({"CLUSTER", "SETSLOT", slot, "NODE", to_id});
  EXPECT_THAT(Call("moves", CommandList("GET", "moves")).replies, ElementsAre("1"));
  const auto redirections = Redirections();
  EXPECT_LE(redirections, 2u);  // by MOVED, unless it has asked where the slots are meanwhile
  EXPECT_THAT(Call("moves", CommandList("GET", "moves")).replies, ElementsAre("1"));
  EXPECT_EQ(Redirections(), redirections);
}

TEST_F(ClusterLiveTest, WhereNoHostIsNamedItIsThatOfWhoeverAnswered) {
  for (const auto& server : servers_)
    server->Run({"CONFIG", "SET", "cluster-preferred-endpoint-type", "unknown-endpoint"});
  // Nobody is at the first.
  const auto settings = ParseConnectionText("redis+cluster://127.0.0.2:1,127.0.0.1:" +
                                            std::to_string(servers_[0]->port()));
  loop_.Run([&] {
    cluster_ = *Cluster::Make(loop_.context(), *settings);
    cluster_->Start();
  });
  EXPECT_TRUE(Eventually([&] { return loop_.Run([&] { return cluster_->is_complete(); }); }));
  const RedisServer& from = OwnerOf("moves");
  const RedisServer& to = &from == servers_[0].get() ? *servers_[1] : *servers_[0];
  const std::string slot = std::to_string(ClusterSlot("moves"));
  const std::string to_id = to.Run({"CLUSTER", "MYID"});
  to.Run({"CLUSTER", "SETSLOT", slot, "IMPORTING", from.Run({"CLUSTER", "MYID"})});
  to.Run(
      {"CLUSTER", "SETSLOT", slot, "NODE", to_id});  // under a new epoch, which the others believe
  from.Run({"CLUSTER", "SETSLOT", slot, "NODE", to_id});
  ASSERT_THAT(from.Run({"GET", "moves"}), HasSubstr(" :"));
  EXPECT_THAT(Call("moves", CommandList("SET", "moves", "1")).replies, ElementsAre("OK"));
  EXPECT_LE(Redirections(), 1u);  // at once, and not by asking anew after a way that leads nowhere
}

TEST_F(ClusterLiveTest, FollowsTheReplicaThatReplacesAKilledPrimary) {
  RedisServer& primary = OwnerOf("survives");
  const std::string id = primary.Run({"CLUSTER", "MYID"});
  const RedisServer replica({.cluster = true});
  const std::string bus = primary.ClusterAddress().substr(primary.ClusterAddress().find('@') + 1);
  replica.Run({"CLUSTER", "MEET", "127.0.0.1", std::to_string(primary.port()), bus});
  ASSERT_TRUE(Eventually([&] { return replica.Run({"CLUSTER", "REPLICATE", id}) == "OK"; }));
  // The others must know it, or they do not vote for it.
  for (const auto& server : servers_)
    ASSERT_TRUE(
        Eventually([&] { return server->Run({"CLUSTER", "NODES"}).contains("slave " + id); }));
  EXPECT_THAT(Call("survives", CommandList("SET", "survives", "1")).replies, ElementsAre("OK"));
  ASSERT_TRUE(Eventually([&] { return replica.Run({"DBSIZE"}) == "1"; }));
  primary.Kill();
  // May be sent before the kill is noticed, and be lost; one that waits goes to the replica once it has the slots.
  ASSERT_TRUE(Eventually([&] {
    return Call("survives", CommandList("GET", "survives")).replies ==
           std::vector<std::string>{"1"};
  }));
  EXPECT_TRUE(replica.Run({"ROLE"}).starts_with("master"));
}

}  // namespace
}  // namespace itemgate::redis
