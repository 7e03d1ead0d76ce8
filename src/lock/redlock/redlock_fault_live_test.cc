// What servers, networks and careless people do to locks.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

bool IsUpForThreeSeconds(const std::unique_ptr<RedisServer>& server) {
  const std::string info = server->Run({"INFO", "server"});
  return std::stoi(info.substr(info.find("uptime_in_seconds:") + 18)) >= 3;
}

class RedLockFault : public testing::Test {
 protected:
  RedisFleet fleet_{3};
  SystemClock clock_;
};

TEST_F(RedLockFault, ALockWhoseKeysAreDeletedIsLost) {
  const auto factory = ConnectTo(fleet_);
  std::atomic<int> reason = -1;
  auto lock = factory->CreateLock(
      "deleted", {.expiry = milliseconds(600),
                  .on_lost = [&](RedLockLossReason why) { reason = static_cast<int>(why); }});
  const std::stop_token lost = lock->lost_token();
  EXPECT_FALSE(lost.stop_requested());
  for (const auto& server : fleet_) server->Run({"FLUSHALL"});
  EXPECT_TRUE(Eventually([&] { return lost.stop_requested() && reason >= 0; }));
  EXPECT_EQ(reason, static_cast<int>(RedLockLossReason::kMissing));
  EXPECT_FALSE(lock->IsAcquired());
  EXPECT_EQ(lock->status(), RedLockStatus::kNoQuorum);
}

TEST_F(RedLockFault, WithRecreationItIsSetAgainAsRedLockNetDoes) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock(
      "recreated", {.expiry = milliseconds(600), .missing_key = RedLockMissingKey::kRecreate});
  for (const auto& server : fleet_) server->Run({"FLUSHALL"});
  const int before = lock->extend_count();
  EXPECT_TRUE(Eventually([&] { return lock->extend_count() > before + 1; }));
  EXPECT_TRUE(lock->IsAcquired());
  EXPECT_EQ(CountKeys(fleet_, "redlock:recreated"), 3);
}

TEST_F(RedLockFault, ALockTakenByAnotherIsLost) {
  const auto factory = ConnectTo(fleet_);
  for (const auto missing : {RedLockMissingKey::kCountAsLost, RedLockMissingKey::kRecreate}) {
    auto lock =
        factory->CreateLock("stolen", {.expiry = milliseconds(600), .missing_key = missing});
    for (const auto& server : fleet_) server->Run({"SET", "redlock:stolen", "thief"});
    EXPECT_TRUE(Eventually([&] { return lock->lost_token().stop_requested(); }));
    EXPECT_EQ(lock->loss_reason(), RedLockLossReason::kTaken);
    lock->Release();
    for (const auto& server : fleet_) {  // the thief's stay
      EXPECT_EQ(server->Run({"GET", "redlock:stolen"}), "thief");
      server->Run({"DEL", "redlock:stolen"});
    }
  }
}

TEST_F(RedLockFault, AServerThatRestartsEmptyGetsTheKeyAgain) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock("restart", milliseconds(900));
  fleet_[0].Kill();
  fleet_[0].Restart();
  EXPECT_TRUE(Eventually([&] { return fleet_[0].Run({"EXISTS", "redlock:restart"}) == "1"; }));
  EXPECT_TRUE(lock->IsAcquired());
}

TEST_F(RedLockFault, ServersThatRestartedEmptyHaveNoVoteUntilTheirLocksHaveEnded) {
  const RedLockOptions options{.expiry = seconds(3)};
  const auto holder = ConnectTo(fleet_);
  ASSERT_TRUE(Eventually([&] { return std::ranges::all_of(fleet_, IsUpForThreeSeconds); }));
  const auto lock = holder->CreateLock("forgotten", {.expiry = seconds(3), .renew = false});
  ASSERT_TRUE(lock->IsAcquired());
  for (const std::size_t i : {0UZ, 1UZ}) {
    fleet_[i].Kill();
    fleet_[i].Restart();
  }
  const auto addresses = fleet_.Addresses(3);
  const auto hasty = ConnectTo(addresses, 3);
  const auto careful = ConnectTo(addresses, 1, {.uptime_min = seconds(3)});
  EXPECT_TRUE(hasty->TryLock("forgotten", options)->IsAcquired());  // there are two now
  EXPECT_EQ(careful->TryLock("forgotten", options)->status(), RedLockStatus::kNoQuorum);
  const auto instances = careful->Instances();
  EXPECT_THAT(instances[0].failure, testing::StartsWith("it was started "));
  EXPECT_EQ(instances[2].failure, "");
  EXPECT_TRUE(Eventually([&] { return careful->TryLock("forgotten", options)->IsAcquired(); }));
  EXPECT_FALSE(lock->IsAcquired());
}

TEST_F(RedLockFault, ServersThatDoNotTellTheirAgeHaveNoVoteUntilTheyDo) {
  for (const auto& server : fleet_) server->Run({"ACL", "SETUSER", "default", "-info"});
  const auto factory = ConnectTo(fleet_.Addresses(3), 0, {.uptime_min = seconds(1)});
  ASSERT_TRUE(Eventually([&] {
    return std::ranges::all_of(factory->Instances(), [](const RedLockInstance& instance) {
      return instance.failure.contains("allow +info");
    });
  }));
  EXPECT_EQ(factory->TryLock("of unknown age")->status(), RedLockStatus::kNoQuorum);
  for (const auto& server : fleet_) server->Run({"ACL", "SETUSER", "default", "+info"});
  EXPECT_TRUE(Eventually([&] { return factory->TryLock("of unknown age")->IsAcquired(); }));
}

TEST_F(RedLockFault, AMajorityThatRestartsEmptyIsALoss) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock("majority", milliseconds(900));
  for (const std::size_t i : {0UZ, 1UZ}) {
    fleet_[i].Kill();
    fleet_[i].Restart();
  }
  EXPECT_TRUE(Eventually([&] { return lock->lost_token().stop_requested(); }));
  EXPECT_GE(lock->Release().absent, 1);
  auto next = factory->CreateLock("majority", milliseconds(900), seconds(30), milliseconds(20));
  EXPECT_TRUE(Eventually([&] { return next->extend_count() > 0; }));
}

void Evict(const RedisServer& server) {
  server.Run({"CONFIG", "SET", "maxmemory-policy", "volatile-lru"});
  server.Run({"CONFIG", "SET", "maxmemory", "1"});  // keys that expire are evicted at once
  EXPECT_TRUE(Eventually([&] { return server.Run({"DBSIZE"}) == "0"; }));
  server.Run({"CONFIG", "SET", "maxmemory", "0"});
}

TEST_F(RedLockFault, AKeyThatOneServerEvictsIsSetAgain) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock("evicted", milliseconds(900));
  ASSERT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:evicted") == 3; }));
  Evict(fleet_[1]);
  EXPECT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:evicted") == 3; }));
  EXPECT_TRUE(lock->IsAcquired());
}

TEST_F(RedLockFault, AKeyThatAMajorityEvictsIsALoss) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock("evicted", milliseconds(900));
  ASSERT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:evicted") == 3; }));
  // A renewal between the two sets the first one's again.
  EXPECT_TRUE(Eventually([&] {
    Evict(fleet_[0]);
    Evict(fleet_[1]);
    return CountKeys(fleet_, "redlock:evicted") == 1;
  }));
  EXPECT_TRUE(Eventually([&] { return lock->lost_token().stop_requested(); }));
  EXPECT_EQ(lock->loss_reason(), RedLockLossReason::kMissing);
}

/// In a process of its own, a holder that tells by a pipe, in one letter each, that it has the lock, that it sees it is
/// over, and that it was told of the loss; then it waits to be ended.
[[noreturn]] void HoldAndTell(const RedisFleet& fleet, int pipe) {
  const auto factory = ConnectTo(fleet);
  auto lock = factory->CreateLock("holder", milliseconds(900));
  const auto tell = [pipe](char letter) {
    if (write(pipe, &letter, 1) != 1) _exit(1);
  };
  tell(lock->IsAcquired() ? 'a' : '?');
  while (lock->IsAcquired()) std::this_thread::yield();
  tell('o');
  while (!lock->lost_token().stop_requested()) std::this_thread::yield();
  tell(lock->extend_count() > 0 && lock->status() != RedLockStatus::kAcquired ? 'l' : '?');
  while (true) pause();
}

// A renewal that was due while it stood still would set the key again that somebody else has had and released.
TEST_F(RedLockFault, AHolderThatStoodStillPastItsExpiryKnowsItAndTakesNothingBack) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t holder = fork();
  if (holder == 0) HoldAndTell(fleet_, ends[1]);
  const auto hear = [&] {
    char letter = 0;
    return read(ends[0], &letter, 1) == 1 ? letter : '-';
  };
  EXPECT_EQ(hear(), 'a');
  const auto factory = ConnectTo(fleet_);
  EXPECT_FALSE(Eventually([&] { return factory->TryLock("holder")->IsAcquired(); }, seconds(1)));
  kill(holder, SIGSTOP);
  auto next = factory->CreateLock("holder", seconds(30), seconds(20), milliseconds(20));
  EXPECT_TRUE(next->IsAcquired());
  const RedLockRelease release = next->Release();
  // It may have got two of three, before the holder's key had expired in the third.
  EXPECT_GE(release.released, 1);
  EXPECT_GE(release.released + release.absent, 2);
  kill(holder, SIGCONT);
  EXPECT_EQ(hear(), 'o');
  EXPECT_EQ(hear(), 'l');
  EXPECT_EQ(CountKeys(fleet_, "redlock:holder"), 0);
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  for (const int end : ends) close(end);
}

TEST_F(RedLockFault, ForgottenScriptsAreNoErrors) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock("scripts", milliseconds(600));
  for (int i = 0; i < 3; ++i) {
    for (const auto& server : fleet_) server->Run({"SCRIPT", "FLUSH"});
    const int before = lock->extend_count();
    EXPECT_TRUE(Eventually([&] { return lock->extend_count() > before; }));
  }
  for (const auto& server : fleet_) server->Run({"SCRIPT", "FLUSH"});
  EXPECT_GE(lock->Release().released, 2);
  EXPECT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:scripts") == 0; }));
}

TEST_F(RedLockFault, AStoppedMinorityCostsNoTime) {
  const auto factory = ConnectTo(fleet_);
  fleet_[2].Pause();
  const Instant start = clock_.Now();
  for (int i = 0; i < 200; ++i) {
    auto lock = factory->TryLock("stopped");
    ASSERT_TRUE(lock->IsAcquired());
    lock->Release();
  }
  EXPECT_LT(clock_.Now() - start, seconds(2));  // a time-out each would take 200 s
  fleet_[2].Resume();
  EXPECT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:stopped") == 0; }));
}

TEST_F(RedLockFault, ALateSetLeavesNothingBehind) {
  const auto factory = ConnectTo(fleet_);
  fleet_[1].Pause();
  fleet_[2].Pause();
  EXPECT_EQ(factory->TryLock("late", {.expiry = seconds(2)})->status(), RedLockStatus::kNoQuorum);
  fleet_[1].Resume();
  fleet_[2].Resume();
  // What was sent is executed in order: the deletion after the setting. The answer to this comes after both.
  EXPECT_TRUE(factory->CreateLock("late", seconds(2), seconds(10), milliseconds(50))->IsAcquired());
  EXPECT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:late") == 0; }));
}

TEST_F(RedLockFault, PausedClientsAreServedLater) {
  const auto factory = ConnectTo(fleet_);
  for (const auto& server : fleet_) server->Run({"CLIENT", "PAUSE", "300"});
  auto lock = factory->CreateLock("paused", seconds(20));
  EXPECT_TRUE(lock->IsAcquired());
}

TEST_F(RedLockFault, ASilentServerCountsAsAnErrorOnly) {
  const BlackHole silent;
  auto addresses = fleet_.Addresses(fleet_.size());
  addresses.push_back(silent.endpoint().ToString());
  const DeadPort dead;
  addresses.push_back(dead.endpoint().ToString());
  const auto factory = ConnectTo(addresses, 3);  // the silent one does not greet
  const Instant start = clock_.Now();
  for (int i = 0; i < 100; ++i) {
    auto lock = factory->TryLock("silent");
    ASSERT_TRUE(lock->IsAcquired());
    lock->Release();
  }
  EXPECT_LT(clock_.Now() - start, seconds(2));
}

TEST_F(RedLockFault, AKilledMajorityIsNoQuorumAndALossWithinTheExpiry) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock("killed", milliseconds(900));
  fleet_[0].Kill();
  fleet_[1].Kill();
  const auto end = clock_.Now() + milliseconds(900);  // no renewal succeeds after this
  EXPECT_TRUE(Eventually([&] { return lock->lost_token().stop_requested(); }));
  EXPECT_LT(clock_.Now(), end + milliseconds(300));  // as late as a busy machine runs it
  EXPECT_EQ(factory->TryLock("other")->status(), RedLockStatus::kNoQuorum);
  EXPECT_EQ(fleet_[2].Run({"EXISTS", "redlock:other"}), "0");
  EXPECT_EQ(lock->Release().error, 2);  // where the key may be
}

TEST_F(RedLockFault, AReadOnlyReplicaIsAnError) {
  const RedisServer replica(
      {.arguments = {"--replicaof", "127.0.0.1", std::to_string(fleet_[0].port())}});
  const auto factory = ConnectTo({replica.endpoint().ToString()}, 1);
  EXPECT_EQ(factory->Instances()[0].failure, "");
  EXPECT_EQ(factory->TryLock("replica")->status(), RedLockStatus::kNoQuorum);
  EXPECT_TRUE(factory->Instances()[0].failure.contains("READONLY"));
}

// Renewals and releases at the same moment: no key may remain. RedLock.net left 0.6 % behind once.
TEST_F(RedLockFault, RenewalNeverOutlivesRelease) {
  constexpr int kBatches = 50;
  constexpr int kAtOnce = 2000;
  const auto factory = ConnectTo(fleet_);
  const auto is_empty = [](const auto& server) { return server->Run({"DBSIZE"}) == "0"; };
  int renewed = 0;
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<std::string> names;
    for (int i = 0; i < kAtOnce; ++i) names.push_back("r" + std::to_string(i));
    auto locks = factory->CreateLocks(
        names, {.expiry = milliseconds(600), .missing_key = RedLockMissingKey::kRecreate});
    // All are renewed in one go: once the first has been, the rest is under way. On a busy machine it may be lost.
    const RedLock& first = *locks.front();
    EXPECT_TRUE(Eventually([&] { return first.extend_count() > 0 || !first.IsAcquired(); }));
    renewed += first.extend_count() > 0 ? 1 : 0;
    locks.clear();
    // On the same connections, so after all releases; and long before what was left behind could expire.
    factory->CreateLock("last", kLiveExpiry)->Release();
    EXPECT_TRUE(
        Eventually([&] { return std::ranges::all_of(fleet_, is_empty); }, milliseconds(400)));
  }
  EXPECT_GT(renewed, 0);
}

// A cancellation at any moment of an attempt leaves neither a key nor a renewal.
TEST_F(RedLockFault, CancelledAtAnyMoment) {
  const auto factory = ConnectTo(fleet_);
  int cancelled = 0;
  for (int i = 0; i < 2000; ++i) {
    std::stop_source stop;
    std::atomic<bool> is_done = false;
    factory->CreateLockAsync("any", {.expiry = seconds(60), .cancellation = stop.get_token()},
                             [&](Result<RedLock> lock) {
                               cancelled += lock ? 0 : 1;
                               is_done = true;
                               is_done.notify_one();
                             });
    for (int spin = 0; spin < i % 500; ++spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    if (i % 3 == 0) std::this_thread::yield();
    stop.request_stop();
    is_done.wait(false);
  }
  EXPECT_GT(cancelled, 0);
  EXPECT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:any") == 0; }));
}

}  // namespace
}  // namespace itemgate
