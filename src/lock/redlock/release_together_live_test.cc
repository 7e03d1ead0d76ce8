// Locks that are released in the same moment: each server gets one command for all of them.
#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

using testing::HasSubstr;

constexpr int kLocks = 50;

class ReleaseTogether : public testing::Test {
 protected:
  void SetUp() override {
    factory_ = ConnectTo(fleet_);
    for (int i = 0; i < kLocks; ++i) names_.push_back("n" + std::to_string(i));
    for (auto& lock : factory_->CreateLocks(names_, {})) locks_.push_back(*std::move(lock));
  }

  /// From the factory's own thread, where nothing can come between them.
  std::vector<RedLockRelease> Release() {
    std::vector<RedLockRelease> releases(kLocks);
    std::atomic<int> released = 0;
    factory_->CreateLockAsync("starter", {}, [&](const Result<RedLock>& /*lock*/) {
      for (std::size_t i = 0; i < locks_.size(); ++i)
        locks_[i].ReleaseAsync([&, i](RedLockRelease release) {
          releases[i] = release;
          ++released;
        });
    });
    EXPECT_TRUE(Eventually([&] { return released == kLocks; }));
    return releases;
  }

  /// Of `server`, that Release leaves.
  [[nodiscard]] std::string Keys(RedisServer& server) {
    EXPECT_TRUE(Eventually([&] { return server.Run({"EXISTS", "redlock:starter"}) == "0"; }));
    return server.Run({"KEYS", "redlock:*"});
  }

  RedisFleet fleet_{3};
  std::unique_ptr<RedLockFactory> factory_;
  std::vector<std::string> names_;
  std::vector<RedLock> locks_;
};

TEST_F(ReleaseTogether, IsOneCommandForEachServer) {
  fleet_[1].Run({"CONFIG", "RESETSTAT"});
  for (const RedLockRelease& release : Release()) EXPECT_GE(release.released, 2);
  for (const auto& server : fleet_) EXPECT_EQ(Keys(*server), "");
  // The fifty, and the lock that began it.
  EXPECT_THAT(fleet_[1].Run({"INFO", "commandstats"}), HasSubstr("cmdstat_evalsha:calls=1,"));
}

TEST_F(ReleaseTogether, WakesWhoWaitsElsewhere) {
  const auto elsewhere = ConnectTo(fleet_);
  std::optional<Result<RedLock>> next;
  std::jthread waiter(
      [&] { next = elsewhere->CreateLock("n7", kLiveExpiry, seconds(100), seconds(100)); });
  EXPECT_TRUE(Eventually(
      [&] { return fleet_[0].Run({"PUBSUB", "NUMSUB", "redlock:n7"}).ends_with("\n1"); }));
  (void)Release();
  waiter.join();  // long before it would have looked by itself
  EXPECT_TRUE((*next)->IsAcquired());
}

TEST_F(ReleaseTogether, WithScriptsThatServersForgot) {
  for (const auto& server : fleet_) server->Run({"SCRIPT", "FLUSH"});
  for (const RedLockRelease& release : Release()) EXPECT_GE(release.released, 2);
  for (const auto& server : fleet_) EXPECT_EQ(Keys(*server), "");
}

TEST_F(ReleaseTogether, AKeyThatIsSomethingElseNowHarmsNoOther) {
  for (const auto& server : fleet_) {
    server->Run({"DEL", "redlock:n7", "redlock:n9"});
    server->Run({"LPUSH", "redlock:n7", "a list"});
    server->Run({"SET", "redlock:n9", "another's"});
  }
  const std::vector<RedLockRelease> releases = Release();
  for (std::size_t i = 0; i < releases.size(); ++i)
    EXPECT_EQ(releases[i].released, i == 7 || i == 9 ? 0 : std::max(releases[i].released, 2)) << i;
  EXPECT_GE(releases[7].error, 2);
  EXPECT_GE(releases[9].absent, 2);
  for (const auto& server : fleet_)
    EXPECT_THAT(Keys(*server), testing::AnyOf("redlock:n7\nredlock:n9", "redlock:n9\nredlock:n7"));
}

TEST_F(ReleaseTogether, AKeyThatTheUserMayNotTouchAnyMoreHarmsNoOther) {
  for (const auto& server : fleet_)
    server->Run({"ACL", "SETUSER", "default", "resetkeys", "~redlock:n?", "~redlock:n[^4]?",
                 "~redlock:starter"});
  const std::vector<RedLockRelease> releases = Release();
  for (std::size_t i = 0; i < releases.size(); ++i) {
    EXPECT_EQ(releases[i].error >= 2, i >= 40) << i;
    EXPECT_EQ(releases[i].released >= 2, i < 40) << i;
  }
}

}  // namespace
}  // namespace itemgate
