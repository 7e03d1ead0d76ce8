// The ACL lines of `itemgate redis-acl`: sufficient, as nothing is refused to a factory that does all it can do, and
// least, as each command that they allow is then used, and others are refused.
#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include <gmock/gmock.h>

#include "lock/redlock/acl.h"
#include "testing/redis_acl.h"
#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

using redis::AclPlace;
using testing::IsEmpty;

redis::AclNeeds NeedsOn(AclPlace place) {
  redis::AclNeeds needs = redis::ConnectionNeeds(place);
  if (place != AclPlace::kSentinel) needs.Add(redlock::LockNeeds("redlock:"));
  return needs;
}

std::unique_ptr<RedLockFactory> Connect(const RedLockEndPoint& end_point) {
  auto factory = RedLockFactory::Create({end_point});
  EXPECT_TRUE(factory.has_value()) << factory.error().message;
  EXPECT_TRUE(Eventually([&] { return (*factory)->Instances()[0].is_connected; }));
  return *std::move(factory);
}

/// Acquires, renews, waits and is woken, releases; with scripts that the server knows, and without.
void DoEverything(const RedisServer& server, const RedLockEndPoint& end_point) {
  const auto factory = Connect(end_point);
  const auto elsewhere = Connect(end_point);
  auto lock = factory->CreateLock("acl", milliseconds(900));
  ASSERT_TRUE(lock->IsAcquired());
  EXPECT_TRUE(Eventually([&] { return lock->extend_count() > 0; }));
  std::atomic<bool> done = false;
  std::jthread waiter([&] {
    EXPECT_TRUE(
        elsewhere->CreateLock("acl", kLiveExpiry, seconds(100), seconds(100))->IsAcquired());
    done = true;
  });
  const auto listens = [&](std::string_view count) {
    return server.Run({"PUBSUB", "NUMSUB", "redlock:acl"}).ends_with(count);
  };
  EXPECT_TRUE(Eventually([&] { return listens("\n1"); }));
  EXPECT_EQ(lock->Release().released, 1);
  EXPECT_TRUE(Eventually([&] { return done.load(); }, seconds(10)));
  EXPECT_TRUE(Eventually([&] { return listens("\n0"); }));
  server.Run({"SCRIPT", "FLUSH"});
  EXPECT_EQ(factory->CreateLock("flushed", kLiveExpiry)->Release().released, 1);
}

void ExpectOthersRefused(const RedisServer& server) {
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"KEYS", "*"},
           {"FLUSHALL"},
           {"CONFIG", "GET", "maxmemory"},
           {"CLIENT", "LIST"},
           {"SCRIPT", "FLUSH"},
           {"EXPIRE", "redlock:a", "1"},
           {"SET", "other", "a"},
           {"GET", "seen:a"},
           {"EVAL", "return redis.call('get',KEYS[1])", "1", "other"},
           {"PUBLISH", "other", ""},
           {"SUBSCRIBE", "other"}})
    EXPECT_TRUE(LeastUser::IsRefused(server, command)) << command[0];
  EXPECT_THAT(server.Run({"--user", "least", "--pass", "secret", "--no-auth-warning", "EVAL",
                          "return redis.call('keys','*')", "0"}),
              testing::HasSubstr("can't run this command"));
}

TEST(RedLockAcl, OfAServer) {
  const RedisServer server;
  const LeastUser user(NeedsOn(AclPlace::kServer));
  user.MakeOn(server);
  DoEverything(server, server.endpoint().ToString() + ",user=least,password=secret");
  EXPECT_EQ(LeastUser::Refusals(server), "");
  EXPECT_THAT(user.Unused({&server}), IsEmpty());
  ExpectOthersRefused(server);
}

TEST(RedLockAcl, OfSeveralServersThroughASwitch) {
  RedisServer primary;
  const RedisServer replica({.lines = {"replicaof 127.0.0.1 " + std::to_string(primary.port())}});
  const LeastUser user(NeedsOn(AclPlace::kGroupMember));
  for (const RedisServer* server : {&std::as_const(primary), &replica}) user.MakeOn(*server);
  const std::string both = replica.endpoint().ToString() + "," + primary.endpoint().ToString() +
                           ",user=least,password=secret";
  DoEverything(primary, both);
  EXPECT_EQ(LeastUser::Refusals(primary), "");
  EXPECT_THAT(user.Unused({&primary}), IsEmpty());
  const auto factory = Connect(both);
  primary.Kill();
  replica.Run({"REPLICAOF", "NO", "ONE"});
  EXPECT_TRUE(Eventually([&] { return factory->TryLock("switched")->IsAcquired(); }));
  DoEverything(replica, both);
  EXPECT_EQ(LeastUser::Refusals(replica), "");
  EXPECT_TRUE(LeastUser::IsRefused(replica, {"REPLICAOF", "NO", "ONE"}));
}

class RedLockAclWithSentinel : public testing::Test {
 protected:
  RedLockAclWithSentinel() {
    const auto is_watched = [&] {
      return sentinel_.Run({"SENTINEL", "MASTER", "main"}).contains("num-slaves\n1");
    };
    EXPECT_TRUE(Eventually(is_watched));
    at_server_.MakeOn(primary_);
    at_server_.MakeOn(replica_);
    at_sentinel_.MakeOnSentinel(sentinel_);
  }

  [[nodiscard]] std::string Text() const {
    return "redis+sentinel://least:secret@" + sentinel_.endpoint().ToString() + "/main";
  }

  RedisServer primary_;
  const RedisServer replica_{{.lines = {"replicaof 127.0.0.1 " + std::to_string(primary_.port())}}};
  const RedisServer sentinel_{
      {.sentinel = true,
       .lines = {"sentinel monitor main 127.0.0.1 " + std::to_string(primary_.port()) + " 1",
                 "sentinel down-after-milliseconds main 300",
                 "sentinel failover-timeout main 2000"}}};
  const LeastUser at_server_{NeedsOn(AclPlace::kServer)};
  const LeastUser at_sentinel_{NeedsOn(AclPlace::kSentinel)};
};

TEST_F(RedLockAclWithSentinel, SufficesThroughAFailover) {
  const auto factory = Connect(Text());
  DoEverything(primary_, Text());
  EXPECT_EQ(LeastUser::Refusals(primary_), "");
  primary_.Kill();
  EXPECT_TRUE(Eventually([&] { return factory->TryLock("switched")->IsAcquired(); }));
  DoEverything(replica_, Text());
  EXPECT_EQ(LeastUser::Refusals(replica_), "");
  EXPECT_EQ(LeastUser::Refusals(sentinel_), "");
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"SENTINEL", "FAILOVER", "main"},
                                             {"SENTINEL", "REPLICAS", "main"},
                                             {"PUBLISH", "+switch-master", ""},
                                             {"SUBSCRIBE", "+sdown"}})
    EXPECT_TRUE(LeastUser::IsRefused(sentinel_, command)) << command[1];
}

// A Sentinel does not count commands: whichever is taken away is missed.
TEST_F(RedLockAclWithSentinel, IsTheLeastOfASentinel) {
  for (const std::string_view command : at_sentinel_.needs().commands) {
    sentinel_.Run({"ACL", "SETUSER", "least", "-" + std::string(command)});
    sentinel_.Run({"ACL", "LOG", "RESET"});
    const auto factory = RedLockFactory::Create({RedLockEndPoint(Text())});
    EXPECT_TRUE(Eventually([&] { return !LeastUser::Refusals(sentinel_).empty(); })) << command;
    sentinel_.Run({"ACL", "SETUSER", "least", "+" + std::string(command)});
  }
}

}  // namespace
}  // namespace itemgate
