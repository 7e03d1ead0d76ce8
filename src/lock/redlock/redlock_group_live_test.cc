// Groups of servers as one vote, and what is told of servers that come and go.
#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "base/mutex.h"
#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

using testing::HasSubstr;

std::string ReplicaOf(const RedisServer& primary) {
  return "replicaof 127.0.0.1 " + std::to_string(primary.port());
}

bool IsLinkedTo(const RedisServer& primary, const RedisServer& replica) {
  return Eventually([&] {
    return replica.Run({"INFO", "replication"}).contains("master_link_status:up") &&
           primary.Run({"INFO", "replication"}).contains("state=online");
  });
}

std::unique_ptr<RedLockFactory> Connect(std::vector<RedLockEndPoint> end_points,
                                        RedLockFactoryOptions options = {}) {
  options.connect_wait = seconds(10);
  auto factory = RedLockFactory::Create(std::move(end_points), std::move(options));
  EXPECT_TRUE(factory.has_value()) << factory.error().message;
  return *std::move(factory);
}

/// A primary, its replica, and a Sentinel.
class Group {
 public:
  Group() : replica_({.lines = {ReplicaOf(primary)}}) {
    EXPECT_TRUE(IsLinkedTo(primary, replica_));
    sentinel_ = std::make_unique<RedisServer>(RedisServer::Options{
        .sentinel = true,
        .lines = {"sentinel monitor main 127.0.0.1 " + std::to_string(primary.port()) + " 1",
                  "sentinel down-after-milliseconds main 300",
                  "sentinel failover-timeout main 2000"}});
    EXPECT_TRUE(Eventually(
        [&] { return sentinel_->Run({"SENTINEL", "MASTER", "main"}).contains("num-slaves\n1"); }));
  }

  [[nodiscard]] std::string Text() const {
    return "redis+sentinel://" + sentinel_->endpoint().ToString() + "/main";
  }
  [[nodiscard]] const RedisServer& replica() const { return replica_; }
  /// Asks the Sentinel, which throws all clients of the replica out when it promotes it.
  [[nodiscard]] bool HasSwitched() const {
    return sentinel_->Run({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"})
        .ends_with("\n" + std::to_string(replica_.port()));
  }

  RedisServer primary;

 private:
  RedisServer replica_;
  std::unique_ptr<RedisServer> sentinel_;
};

TEST(RedLockGroup, ASentinelGroupIsOneVoteAndFollowsItsPrimary) {
  Group group;
  RedisFleet others(2);
  const auto factory = Connect({group.Text(), others.Addresses(2)[0], others.Addresses(2)[1]});
  auto lock = factory->CreateLock("switched", milliseconds(1500));
  ASSERT_TRUE(lock->IsAcquired());
  EXPECT_TRUE(Eventually([&] { return lock->instance_summary().acquired == 3; }));
  EXPECT_EQ(group.primary.Run({"GET", "redlock:switched"}), lock->lock_id());
  group.primary.Kill();
  EXPECT_TRUE(Eventually([&] { return group.HasSwitched(); }));
  // The new primary votes: the key is renewed there, or set again if it had not got there.
  const int before = lock->extend_count();
  EXPECT_TRUE(Eventually(
      [&] { return lock->extend_count() > before + 1 && lock->instance_summary().acquired == 3; }));
  EXPECT_TRUE(lock->IsAcquired());
  EXPECT_FALSE(lock->loss_reason().has_value());
  EXPECT_EQ(group.replica().Run({"GET", "redlock:switched"}), lock->lock_id());
  others[0].Kill();  // so that the group's vote decides
  EXPECT_TRUE(factory->TryLock("decided")->IsAcquired());
  EXPECT_EQ(group.replica().Run({"EXISTS", "redlock:decided"}), "0");  // released by the destructor
}

TEST(RedLockGroup, OfSeveralServersWhicheverIsThePrimaryVotes) {
  RedisServer primary;
  const RedisServer replica({.lines = {ReplicaOf(primary)}});
  ASSERT_TRUE(IsLinkedTo(primary, replica));
  const DeadPort dead;
  const std::vector<std::string> servers = {
      dead.endpoint().ToString(), replica.endpoint().ToString(), primary.endpoint().ToString()};
  const auto factory = Connect({RedLockEndPoint(servers)});
  EXPECT_EQ(factory->quorum(), 1);
  EXPECT_THAT(factory->Instances()[0].end_point, HasSubstr(","));
  EXPECT_TRUE(factory->Instances()[0].is_connected);
  EXPECT_TRUE(factory->TryLock("first")->IsAcquired());
  auto lock = factory->CreateLock("kept", seconds(30));
  EXPECT_EQ(primary.Run({"GET", "redlock:kept"}), lock->lock_id());
  EXPECT_TRUE(Eventually([&] { return replica.Run({"GET", "redlock:kept"}) == lock->lock_id(); }));
  primary.Kill();
  EXPECT_EQ(factory->TryLock("nobody")->status(), RedLockStatus::kNoQuorum);
  replica.Run({"REPLICAOF", "NO", "ONE"});
  EXPECT_TRUE(Eventually([&] { return factory->TryLock("second")->IsAcquired(); }));
  EXPECT_EQ(factory->TryLock("kept")->status(), RedLockStatus::kConflicted);
  EXPECT_EQ(lock->Release().released, 1);
}

TEST(RedLockGroup, APrimaryThatIsDemotedIsLeft) {
  const RedisServer first;
  const RedisServer second({.lines = {ReplicaOf(first)}});
  ASSERT_TRUE(IsLinkedTo(first, second));
  const auto factory =
      Connect({RedLockEndPoint(first.endpoint().ToString() + "," + second.endpoint().ToString())});
  ASSERT_TRUE(factory->TryLock("before")->IsAcquired());
  second.Run({"REPLICAOF", "NO", "ONE"});
  first.Run({"REPLICAOF", "127.0.0.1", std::to_string(second.port())});
  EXPECT_TRUE(Eventually([&] {
    auto lock = factory->TryLock("after");
    return lock->IsAcquired() && second.Run({"GET", "redlock:after"}) == lock->lock_id();
  }));
}

// What a replica had not heard of when it was promoted is granted twice; but nobody who looks is told that it is
// still his.
TEST(RedLockGroup, AVoteThatWasLostInASwitchIsNeverHeldInSilence) {
  RedisServer primary;
  const RedisServer replica({.lines = {ReplicaOf(primary)}});
  ASSERT_TRUE(IsLinkedTo(primary, replica));
  const std::string servers = primary.endpoint().ToString() + "," + replica.endpoint().ToString();
  const auto factory = Connect({RedLockEndPoint(servers)});
  const DeadPort nowhere;
  replica.Run({"REPLICAOF", "127.0.0.1", std::to_string(nowhere.endpoint().port)});  // is cut off
  auto lock = factory->CreateLock("twice", milliseconds(1500));
  ASSERT_TRUE(lock->IsAcquired());
  const auto end = lock->deadline();
  primary.Kill();
  replica.Run({"REPLICAOF", "NO", "ONE"});
  const auto other = Connect({RedLockEndPoint(servers)});
  auto second = other->CreateLock("twice", seconds(30), seconds(10), milliseconds(20));
  EXPECT_TRUE(second->IsAcquired());
  EXPECT_TRUE(Eventually([&] { return lock->lost_token().stop_requested(); }));
  EXPECT_LT(SystemClock().Now(), end + milliseconds(1500));
  EXPECT_FALSE(lock->IsAcquired());
  EXPECT_TRUE(lock->loss_reason().has_value());
  lock->Release();
  EXPECT_EQ(replica.Run({"GET", "redlock:twice"}), second->lock_id());
}

class Told {
 public:
  void operator()(const RedLockConfigurationChange& change) {
    const MutexLock lock(mutex_);
    last_ = change;
    ++count_;
  }
  [[nodiscard]] int connected() {
    const MutexLock lock(mutex_);
    return last_.ConnectedCount();
  }
  [[nodiscard]] bool has_quorum() {
    const MutexLock lock(mutex_);
    return last_.HasQuorum();
  }
  [[nodiscard]] int count() {
    const MutexLock lock(mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  RedLockConfigurationChange last_ GUARDED_BY(mutex_);
  int count_ GUARDED_BY(mutex_) = 0;
};

TEST(RedLockConfiguration, IsToldWhenServersComeAndGo) {
  RedisFleet fleet(3);
  Told told;
  auto factory =
      ConnectTo(fleet, {.on_configuration_changed = [&](const auto& change) { told(change); }});
  EXPECT_TRUE(Eventually([&] { return told.connected() == 3 && told.has_quorum(); }));
  fleet[0].Kill();
  EXPECT_TRUE(Eventually([&] { return told.connected() == 2 && told.has_quorum(); }));
  fleet[1].Kill();
  EXPECT_TRUE(Eventually([&] { return told.connected() == 1 && !told.has_quorum(); }));
  fleet[0].Restart();
  EXPECT_TRUE(Eventually([&] { return told.connected() == 2 && told.has_quorum(); }));
  const int before = told.count();
  factory.reset();
  EXPECT_EQ(told.count(), before);  // its own end is no news
}

TEST(RedLockConfiguration, AServerThatIsGivenTwiceCountsOnce) {
  const RedisServer server;
  Told told;
  const std::string address = server.endpoint().ToString();
  const auto factory =
      ConnectTo({address, address}, 2,
                {.on_configuration_changed = [&](const auto& change) { told(change); }});
  EXPECT_TRUE(Eventually([&] { return told.connected() == 1 && !told.has_quorum(); }));
}

// Whoever waits has made his only attempt, and would look again in 100 seconds.
void ExpectWoken(const RedisServer& server, const RedLockEndPoint& end_point) {
  const auto factory = Connect({end_point});
  const auto elsewhere = Connect({end_point}, {.retry = {.count = 1}});
  auto held = factory->CreateLock("woken", kLiveExpiry);
  ASSERT_TRUE(held->IsAcquired());
  std::atomic<bool> done = false;
  std::jthread waiter([&] {
    EXPECT_TRUE(
        elsewhere->CreateLock("woken", kLiveExpiry, seconds(100), seconds(100))->IsAcquired());
    done = true;
  });
  EXPECT_TRUE(Eventually(
      [&] { return server.Run({"PUBSUB", "NUMSUB", "redlock:woken"}).ends_with("\n1"); }));
  held->Release();
  EXPECT_TRUE(Eventually([&] { return done.load(); }, seconds(10)));
}

TEST(RedLockWaiting, IsWokenByServersThatAreGivenByName) {
  const RedisServer server;
  ExpectWoken(server, "localhost:" + std::to_string(server.port()));
}

TEST(RedLockWaiting, IsWokenOverTls) {
  const RedisCertificates certificates;
  const RedisServer server({.tls = &certificates, .client_certificate = true});
  RedLockEndPoint end_point("localhost:" + std::to_string(server.port()) + ",ssl=true");
  end_point.tls_ca_file = certificates.ca_file();
  end_point.tls_certificate_file = certificates.client_certificate();
  end_point.tls_key_file = certificates.client_key();
  ExpectWoken(server, end_point);
}

TEST(RedLockWaiting, IsWokenByAnotherServerWhenTheOneItListenedToIsGone) {
  RedisFleet fleet(3);
  const auto factory = ConnectTo(fleet);
  const auto elsewhere = ConnectTo(fleet, {.retry = {.count = 1}});
  auto held = factory->CreateLock("moved", kLiveExpiry);
  std::atomic<bool> done = false;
  std::jthread waiter([&] {
    EXPECT_TRUE(
        elsewhere->CreateLock("moved", kLiveExpiry, seconds(100), seconds(100))->IsAcquired());
    done = true;
  });
  const auto listens_at = [&](std::size_t i) {
    return fleet[i].Run({"PUBSUB", "NUMSUB", "redlock:moved"}).ends_with("\n1");
  };
  ASSERT_TRUE(Eventually([&] { return listens_at(0); }));  // the first that is connected
  fleet[0].Kill();
  EXPECT_TRUE(Eventually([&] { return listens_at(1); }));
  held->Release();
  EXPECT_TRUE(Eventually([&] { return done.load(); }, seconds(10)));
}

}  // namespace
}  // namespace itemgate
