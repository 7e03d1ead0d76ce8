// The ACL lines of `itemgate redis-acl --for cache`: nothing is refused to a cache that does all it can do, each
// command that they allow is then used, and others are refused.
#include <algorithm>
#include <array>
#include <string>

#include <gmock/gmock.h>

#include "cache/redis/acl.h"
#include "cache/redis/redis_seen_cache.h"
#include "testing/eventually.h"
#include "testing/redis_acl.h"
#include "testing/redis_server.h"
#include "testing/seen_cache_conformance.h"

namespace itemgate {
namespace {

using redis::AclPlace;
using testing::IsEmpty;

redis::AclNeeds NeedsOn(AclPlace place) {
  redis::AclNeeds needs = redis::ConnectionNeeds(place);
  needs.Add(seen::SeenCacheNeeds(place));
  return needs;
}

std::unique_ptr<RedisSeenCache> Open(const std::string& server) {
  RedisSeenCacheOptions options{.servers = {server}, .deadline = std::chrono::milliseconds(200)};
  options.secret.fill(std::byte{7});
  auto cache = RedisSeenCache::Make(options);
  EXPECT_TRUE(cache.has_value()) << cache.error().message;
  return *std::move(cache);
}

void ExpectOthersRefused(const RedisServer& server) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"KEYS", "*"},
                                             {"FLUSHALL"},
                                             {"DEL", "seen:a"},
                                             {"EVAL", "return 1", "0"},
                                             {"CONFIG", "GET", "maxmemory"},
                                             {"PUBLISH", "seen:a", ""}})
    EXPECT_TRUE(LeastUser::IsRefused(server, command)) << command[0];
}

TEST(SeenCacheAcl, OfAServer) {
  const RedisServer server;
  const LeastUser user(NeedsOn(AclPlace::kServer));
  user.MakeOn(server);
  const auto cache = Open("redis://least:secret@" + server.endpoint().ToString() + "?name=cache");
  EXPECT_TRUE(FillUntilKnown(*cache, SeenItemsOf("acl", 100)));
  EXPECT_EQ(LeastUser::Refusals(server), "");
  EXPECT_THAT(user.Unused({&server}), IsEmpty());
  ExpectOthersRefused(server);
  EXPECT_TRUE(LeastUser::IsRefused(server, {"MGET", "redlock:a"}));
}

/// Of three servers, with that user on each.
class AclCluster {
 public:
  explicit AclCluster(const LeastUser& user) {
    std::vector<std::string> create{"--cluster", "create"};
    for (auto& server : servers_) {
      server = std::make_unique<RedisServer>(RedisServer::Options{.cluster = true});
      create.push_back(server->ClusterAddress());
    }
    create.emplace_back("--cluster-yes");
    servers_[0]->Run(create);
    for (const auto& server : servers_) {
      EXPECT_TRUE(Eventually(
          [&] { return server->Run({"CLUSTER", "INFO"}).contains("cluster_state:ok"); }));
      user.MakeOn(*server);
    }
  }

  /// Lets a slot in which something is remembered be on its way to the next server, and empty.
  void BeginToMoveASlot() const {
    const std::string keys = servers_[0]->Run({"KEYS", "seen:*"});
    const std::string key = keys.substr(0, keys.find('\n'));
    const std::string slot = servers_[0]->Run({"CLUSTER", "KEYSLOT", key});
    servers_[1]->Run(
        {"CLUSTER", "SETSLOT", slot, "IMPORTING", servers_[0]->Run({"CLUSTER", "MYID"})});
    servers_[0]->Run(
        {"CLUSTER", "SETSLOT", slot, "MIGRATING", servers_[1]->Run({"CLUSTER", "MYID"})});
    servers_[0]->Run({"DEL", key});
  }

  [[nodiscard]] const RedisServer& operator[](std::size_t index) const { return *servers_[index]; }

 private:
  std::array<std::unique_ptr<RedisServer>, 3> servers_;
};

TEST(SeenCacheAcl, OfAClusterOfWhichASlotIsMoved) {
  const LeastUser user(NeedsOn(AclPlace::kClusterNode));
  const AclCluster cluster(user);
  const auto cache =
      Open("redis+cluster://least:secret@" + cluster[1].endpoint().ToString() + "?name=cache");
  const auto items = SeenItemsOf("acl", 100);
  EXPECT_TRUE(FillUntilKnown(*cache, items));
  EXPECT_TRUE(Eventually([&] {  // it has learnt the slots
    (void)LookAndWait(*cache, KeysOf(items));
    return cache->Statistics().nodes_ready == 1;
  }));
  cluster.BeginToMoveASlot();
  EXPECT_TRUE(FillUntilKnown(*cache, items));  // that one is told to the next server, by ASK
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(LeastUser::Refusals(cluster[i]), "");
  EXPECT_THAT(user.Unused({&cluster[0], &cluster[1], &cluster[2]}), IsEmpty());
  ExpectOthersRefused(cluster[1]);
  EXPECT_TRUE(LeastUser::IsRefused(cluster[1], {"CLUSTER", "FAILOVER"}));
}

}  // namespace
}  // namespace itemgate
