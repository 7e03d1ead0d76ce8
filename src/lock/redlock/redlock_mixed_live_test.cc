// Locks beside others: keys that are there already, another library on the same servers, and thousands of one's own.
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <filesystem>

#include <gmock/gmock.h>

#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

using testing::Each;

// redsync's case: a lock is acquired if, and only if, a quorum is free, whichever servers those are; and a vain attempt
// leaves nothing of ours, and everything of the others.
TEST(RedLockMasks, EveryMaskOfOccupiedServers) {
  constexpr unsigned kServers = 5;
  const RedisFleet fleet(kServers);
  const auto factory = ConnectTo(fleet);
  for (unsigned mask = 0; mask < 1U << kServers; ++mask) {
    const std::string name = "mask:" + std::to_string(mask);
    const std::string key = "redlock:" + name;
    const auto is_occupied = [&](unsigned server) { return (mask >> server & 1U) != 0; };
    for (unsigned i = 0; i < kServers; ++i)
      if (is_occupied(i)) fleet[i].Run({"SET", key, "another's"});
    const int occupied = std::popcount(mask);

    auto lock = factory->TryLock(name, {.expiry = kLiveExpiry});
    EXPECT_EQ(lock->IsAcquired(), occupied <= 2) << mask;
    if (lock->IsAcquired())
      lock->Release();
    else
      EXPECT_EQ(lock->status(), RedLockStatus::kConflicted) << mask;
    // After what was sent to each server before, on the same connections.
    EXPECT_TRUE(Eventually([&] {
      const auto last = factory->TryLock("last" + name);
      return last->instance_summary().acquired == static_cast<int>(kServers);
    }));
    for (unsigned i = 0; i < kServers; ++i)
      EXPECT_EQ(fleet[i].Run({"GET", key}), is_occupied(i) ? "another's" : "")
          << mask << ", server " << i;
  }
}

/// Another process, with the library for .NET: the commands that it sends, by way of redis-cli.
class RedLockNet {
 public:
  RedLockNet(const RedisFleet& fleet, std::string resource, std::string id)
      : fleet_(fleet), key_("redlock:" + std::move(resource)), id_(std::move(id)) {}

  /// What each server answers.
  [[nodiscard]] std::vector<std::string> Lock() const {
    return Ask({"SET", key_, id_, "EX", "30", "NX"});
  }
  [[nodiscard]] std::vector<std::string> Extend() const {
    return Ask({"EVAL",
                "local currentVal = redis.call('get', KEYS[1]) "
                "if (currentVal == false) then "
                "  return redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2]) and 1 or 0 "
                "elseif (currentVal == ARGV[1]) then "
                "  return redis.call('pexpire', KEYS[1], ARGV[2]) "
                "else return -1 end",
                "1", key_, id_, "30000"});
  }
  [[nodiscard]] std::vector<std::string> Unlock() const {
    return Ask({"EVAL",
                "if redis.call('get', KEYS[1]) == ARGV[1] then "
                "  return redis.call('del', KEYS[1]) "
                "else return 0 end",
                "1", key_, id_});
  }

 private:
  [[nodiscard]] std::vector<std::string> Ask(const std::vector<std::string>& command) const {
    std::vector<std::string> answers;
    for (const auto& server : fleet_) answers.push_back(server->Run(command));
    return answers;
  }

  const RedisFleet& fleet_;
  const std::string key_;
  const std::string id_;
};

class RedLockMixedFleet : public testing::Test {
 protected:
  const RedisFleet fleet_{3};
  const std::unique_ptr<RedLockFactory> factory_ = ConnectTo(fleet_);
};

TEST_F(RedLockMixedFleet, OursIsHonouredByTheOther) {
  auto lock = factory_->CreateLock("ours", kLiveExpiry);
  ASSERT_TRUE(Eventually([&] { return lock->instance_summary().acquired == 3; }));
  const RedLockNet other(fleet_, "ours", "aa6bd7d3-2f83-4d8d-a4d5-4e7bd8ed2c5b");
  EXPECT_THAT(other.Lock(), Each(""));
  EXPECT_THAT(other.Extend(), Each("-1"));
  EXPECT_THAT(other.Unlock(), Each("0"));
  EXPECT_GE(lock->Release().released, 2);
  EXPECT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:ours") == 0; }));
  EXPECT_THAT(other.Lock(), Each("OK"));
}

TEST_F(RedLockMixedFleet, TheOthersIsHonouredByUs) {
  const RedLockNet other(fleet_, "theirs", "aa6bd7d3-2f83-4d8d-a4d5-4e7bd8ed2c5b");
  EXPECT_THAT(other.Lock(), Each("OK"));
  EXPECT_EQ(factory_->TryLock("theirs")->status(), RedLockStatus::kConflicted);
  EXPECT_THAT(other.Extend(), Each("1"));
  EXPECT_THAT(other.Unlock(), Each("1"));
  EXPECT_TRUE(factory_->CreateLock("theirs", kLiveExpiry)->IsAcquired());
}

// The value of the key is all that makes a lock one's own, as with the other library.
TEST_F(RedLockMixedFleet, WhoeverKnowsTheValueMayExtendAndRelease) {
  auto lock = factory_->CreateLock("handed over", milliseconds(900));
  ASSERT_TRUE(Eventually([&] { return lock->instance_summary().acquired == 3; }));
  const RedLockNet other(fleet_, "handed over", lock->lock_id());
  EXPECT_THAT(other.Extend(), Each("1"));
  EXPECT_TRUE(lock->IsAcquired());
  EXPECT_THAT(other.Unlock(), Each("1"));
  EXPECT_TRUE(Eventually([&] { return lock->lost_token().stop_requested(); }));
  EXPECT_EQ(lock->loss_reason(), RedLockLossReason::kMissing);
}

std::ptrdiff_t CountThreads() {
  return std::ranges::distance(std::filesystem::directory_iterator("/proc/self/task"));
}

/// The processor's time that the other threads of this process have used so far.
Duration TimeOfOtherThreads() {
  const auto used = [](int of_whom) {
    rusage usage{};
    EXPECT_EQ(getrusage(of_whom, &usage), 0);
    return seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  return used(RUSAGE_SELF) - used(RUSAGE_THREAD);
}

TEST(RedLockMany, TenThousandHeldLocksTakeNoThreadAndLittleTime) {
  constexpr std::size_t kLocks = 10'000;
  const RedisFleet fleet(3);
  const auto factory = ConnectTo(fleet);
  const auto threads = CountThreads();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kLocks; ++i) names.push_back("held:" + std::to_string(i));
  auto locks = factory->CreateLocks(names, {.expiry = seconds(6)});

  const SystemClock clock;
  const Instant begin = clock.Now();
  const Duration used = TimeOfOtherThreads();
  const auto has_been_renewed = [](const Result<RedLock>& lock) {
    return lock->extend_count() >= 2;
  };
  EXPECT_TRUE(Eventually([&] { return has_been_renewed(locks.front()); }));
  EXPECT_TRUE(Eventually([&] { return std::ranges::all_of(locks, has_been_renewed); }));
  EXPECT_LT(TimeOfOtherThreads() - used,
            (clock.Now() - begin) / 4);  // of one core; measured in docs/redlock.md
  EXPECT_EQ(CountThreads(), threads);
  EXPECT_TRUE(std::ranges::all_of(locks, [](const auto& lock) { return lock->IsAcquired(); }));
  locks.clear();
  EXPECT_TRUE(Eventually([&] { return fleet[0].Run({"DBSIZE"}) == "0"; }));
}

}  // namespace
}  // namespace itemgate
