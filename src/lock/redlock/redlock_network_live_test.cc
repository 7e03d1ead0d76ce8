// Packets that are lost on the way to servers, or back: nobody is told, unlike of a server that is gone. In a network
// namespace; one client reaches the servers by an address of its own, whose packets are lost, and others by another.
#include <algorithm>
#include <atomic>
#include <thread>

#include "testing/network_namespace.h"
#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

using Way = NetworkNamespace::Way;

constexpr int kServers = 5;
const std::string kCutAddress = "127.0.0.2";

class RedLockNetwork : public testing::Test {
 protected:
  void SetUp() override {
    network_ = NetworkNamespace::Enter();
    ASSERT_NE(network_, nullptr) << "it takes root, and the program nft";
    fleet_.emplace(kServers, RedisServer::Options{.lines = {"bind 127.0.0.1 " + kCutAddress}});
  }

  /// Over the address whose packets are lost.
  [[nodiscard]] std::unique_ptr<RedLockFactory> ConnectCutOne(
      const RedLockFactoryOptions& options = {}) const {
    std::vector<std::string> addresses;
    for (const auto& server : *fleet_)
      addresses.push_back(kCutAddress + ":" + std::to_string(server->port()));
    return ConnectTo(addresses, kServers, options);
  }
  void DropFirst(std::size_t count, Way way) {
    for (std::size_t i = 0; i < count; ++i) network_->Drop(kCutAddress, (*fleet_)[i].port(), way);
  }

  /// The longest time in which any of many locks was acquired, or released.
  [[nodiscard]] static Duration Slowest(RedLockFactory& factory) {
    const SystemClock clock;
    Duration slowest{};
    for (int i = 0; i < 200; ++i) {
      const Instant begin = clock.Now();
      auto lock = factory.TryLock("timed");
      const Instant acquired = clock.Now();
      EXPECT_TRUE(lock->IsAcquired());
      EXPECT_GE(lock->Release().released, kServers / 2 + 1);
      slowest = std::max({slowest, acquired - begin, clock.Now() - acquired});
    }
    return slowest;
  }

  std::unique_ptr<NetworkNamespace> network_;
  std::optional<RedisFleet> fleet_;
  const SystemClock clock_;
};

/// An answer of a server whose packets are lost would take a second, of the time-out, at least.
constexpr Duration kSoon = milliseconds(500);

TEST_F(RedLockNetwork, AMinorityThatHearsOrSaysNothingCostsNoTimeAndKeepsNothing) {
  for (const std::size_t count : {1U, 2U}) {
    for (const Way way : {Way::kThere, Way::kBack, Way::kBoth}) {
      const auto factory = ConnectCutOne();
      DropFirst(count, way);
      EXPECT_LT(Slowest(*factory), kSoon);
      network_->Heal();
      // What was sent arrives in its order: each deletion behind its setting, and this behind all of that.
      EXPECT_TRUE(Eventually([&] {
        const auto last = factory->TryLock("last");
        const auto is_with_all = [&] { return last->instance_summary().acquired == kServers; };
        return Eventually(is_with_all, seconds(1));
      }));
      EXPECT_EQ(CountKeys(*fleet_, "redlock:timed"), 0);
    }
  }
}

TEST_F(RedLockNetwork, ALockIsKeptWhileAMinorityIsCutOffAndHeldByAllAfterwards) {
  const auto factory = ConnectCutOne();
  const auto other = ConnectTo(*fleet_);
  auto lock = factory->CreateLock("kept", milliseconds(900));
  DropFirst(2, Way::kBoth);
  const int before = lock->extend_count();
  EXPECT_TRUE(Eventually([&] {
    EXPECT_FALSE(other->TryLock("kept")->IsAcquired());
    return lock->extend_count() >= before + 5;
  }));
  EXPECT_TRUE(lock->IsAcquired());
  network_->Heal();
  EXPECT_TRUE(Eventually([&] { return lock->instance_summary().acquired == kServers; }));
  EXPECT_TRUE(lock->IsAcquired());
}

TEST_F(RedLockNetwork, WhoIsCutOffFromAMajorityIsToldBeforeAnybodyElseCanHaveTheLock) {
  for (const Way way : {Way::kThere, Way::kBack, Way::kBoth}) {
    const auto cut_off = ConnectCutOne();
    const auto other = ConnectTo(*fleet_);
    auto lock = cut_off->CreateLock("lost", milliseconds(900));
    ASSERT_TRUE(lock->IsAcquired());
    std::atomic<bool> was_told = false;
    std::atomic<bool> was_told_first = false;
    const std::stop_callback told(lock->lost_token(), [&] { was_told = true; });
    std::jthread next([&] {
      auto taken = other->CreateLock("lost", kLiveExpiry, seconds(60), milliseconds(10));
      was_told_first = was_told && !lock->IsAcquired() && taken->IsAcquired();
    });
    DropFirst(3, way);
    const Instant cut_at = clock_.Now();
    const auto alone = cut_off->TryLock("alone", {.expiry = seconds(2)});
    EXPECT_EQ(alone->status(), RedLockStatus::kNoQuorum);
    EXPECT_LT(clock_.Now() - cut_at, kSoon);  // of which a hundred ms are the time-out
    next.join();
    EXPECT_TRUE(was_told_first);
    EXPECT_EQ(lock->loss_reason(), RedLockLossReason::kExpired);
    EXPECT_LT(clock_.Now() - cut_at, seconds(3));  // the expiry, and looking again
    network_->Heal();
    EXPECT_TRUE(Eventually([&] { return cut_off->TryLock("lost")->IsAcquired(); }));
    EXPECT_FALSE(lock->IsAcquired());
    lock->Release();
    EXPECT_TRUE(Eventually([&] {
      return CountKeys(*fleet_, "redlock:lost") == 0 && CountKeys(*fleet_, "redlock:alone") == 0;
    }));
  }
}

/// Whoever holds the lock says so, and finds out whether somebody else does.
class OneAtATime {
 public:
  void HoldFor(const RedLock& lock, Duration time) {
    const SystemClock clock;
    const bool is_alone = !is_held_.exchange(true);
    for (const Instant end = clock.Now() + time; clock.Now() < end;) std::this_thread::yield();
    const bool was_valid = lock.IsAcquired();
    is_held_ = false;
    if (was_valid && !is_alone) ++overlaps_;
    ++holds_;
  }
  [[nodiscard]] int overlaps() const { return overlaps_; }
  [[nodiscard]] int holds() const { return holds_; }

 private:
  std::atomic<bool> is_held_ = false;
  std::atomic<int> overlaps_ = 0;
  std::atomic<int> holds_ = 0;
};

/// While it lives, those who look at the flag wait.
class Resting {
 public:
  explicit Resting(std::atomic<bool>& flag) : flag_(flag) { flag_ = true; }
  ~Resting() {
    flag_ = false;
    flag_.notify_all();
  }
  Resting(const Resting&) = delete;
  Resting& operator=(const Resting&) = delete;

 private:
  std::atomic<bool>& flag_;
};

TEST_F(RedLockNetwork, NobodyOverlapsWhileServersComeAndGoAndPacketsAreLost) {
  const auto cut_off = ConnectCutOne();
  const auto other = ConnectTo(*fleet_);
  OneAtATime section;
  std::atomic<bool> is_over = false;
  std::array<std::atomic<int>, 2> holds{};
  std::array<std::atomic<bool>, 2> is_resting{};
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      RedLockFactory& factory = i % 2 == 0 ? *cut_off : *other;
      while (!is_over) {
        is_resting[i % 2].wait(true);
        auto lock = factory.CreateLock(
            "one", {.expiry = seconds(1), .wait = milliseconds(500), .retry = milliseconds(20)});
        if (!lock->IsAcquired()) continue;
        section.HoldFor(*lock, milliseconds(1));
        ++holds[i % 2];
      }
    });
  }
  // Both want it, and then one of them only: who has lost packets finds a gap of the other's but now and then.
  const auto go_on = [&](std::size_t who, int count) {
    const int both = section.holds();
    EXPECT_TRUE(Eventually([&] { return section.holds() >= both + 20; }));
    const Resting rest(is_resting[1 - who]);
    const int before = holds[who];
    EXPECT_TRUE(Eventually([&] { return holds[who] >= before + count; }));
  };
  for (std::size_t round = 0; round < 4; ++round) {
    DropFirst(round + 1, static_cast<Way>(round % 3));  // from three on they are a majority
    go_on(1, 20);
    network_->Heal();
    go_on(0, 5);
  }
  network_->DropSome(kCutAddress, 20);
  go_on(0, 5);
  go_on(1, 20);
  network_->Heal();
  go_on(0, 20);
  is_over = true;
  threads.clear();
  EXPECT_EQ(section.overlaps(), 0);
  EXPECT_TRUE(Eventually([&] { return CountKeys(*fleet_, "redlock:one") == 0; }));
}

}  // namespace
}  // namespace itemgate
