// Several who want the same, and what a failed attempt leaves as it was.
#include <algorithm>
#include <atomic>
#include <clocale>
#include <locale>
#include <optional>
#include <thread>

#include <gmock/gmock.h>

#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

// Each may get a part of the servers, and nobody wins: many short attempts.
const RedLockFactoryOptions kManyAttempts{.retry = {.count = 30, .delay = milliseconds(10)}};

class RedLockContention : public testing::Test {
 protected:
  RedisFleet fleet_{3};
  SystemClock clock_;
};

int CountOf(const RedisServer& server, const std::string& command) {
  const std::string stats = server.Run({"INFO", "commandstats"});
  const std::string name = "cmdstat_" + command + ":calls=";
  const auto at = stats.find(name);
  return at == std::string::npos ? 0 : std::stoi(stats.substr(at + name.size()));
}

// RedLock.net once gave a lock that was had at the second attempt no renewals.
TEST_F(RedLockContention, WhoGetsItAtALaterAttemptKeepsItByRenewal) {
  const auto factory = ConnectTo({fleet_[0].endpoint().ToString()}, 1, {.retry = {.count = 10}});
  auto first = factory->CreateLock("later", milliseconds(600));
  ASSERT_TRUE(Eventually([&] { return first->extend_count() > 0; }));
  const int asked = CountOf(fleet_[0], "set");
  std::jthread second([&] {
    auto lock = factory->CreateLock("later", milliseconds(600));  // without waiting
    EXPECT_TRUE(lock->IsAcquired());
    EXPECT_TRUE(Eventually([&] { return lock->extend_count() > 0; }));
    EXPECT_TRUE(lock->IsAcquired());
  });
  EXPECT_TRUE(Eventually([&] { return CountOf(fleet_[0], "set") > asked; }));
  EXPECT_EQ(first->Release().released, 1);
}

TEST(RedLockContentionOfEight, AllHaveItInTheEnd) {
  const RedisFleet fleet(8);
  std::vector<std::unique_ptr<RedLockFactory>> factories;
  for (int i = 0; i < 4; ++i) factories.push_back(ConnectTo(fleet));
  std::atomic<int> inside = 0;
  std::atomic<int> passed = 0;
  std::vector<std::jthread> threads;
  for (const auto& factory : factories) {
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        auto lock = factory->CreateLock("eight", kLiveExpiry, seconds(60), milliseconds(50));
        ASSERT_TRUE(lock->IsAcquired());
        EXPECT_EQ(inside.fetch_add(1), 0);
        inside.fetch_sub(1);
        ++passed;
      });
    }
  }
  threads.clear();
  EXPECT_EQ(passed, 8);
}

TEST_F(RedLockContention, AFailedAttemptChangesNeitherValueNorExpiry) {
  const auto factory = ConnectTo(fleet_);
  auto held = factory->CreateLock("kept", {.expiry = kLiveExpiry, .renew = false});
  const auto left = [](const RedisServer& server) {
    return std::stoi(server.Run({"PTTL", "redlock:kept"}));
  };
  ASSERT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:kept") == 3; }));
  for (const milliseconds expiry : {milliseconds(1000), milliseconds(100'000)}) {
    std::vector<int> before;
    for (const auto& server : fleet_) before.push_back(left(*server));
    EXPECT_EQ(factory->TryLock("kept", {.expiry = expiry})->status(), RedLockStatus::kConflicted);
    for (std::size_t i = 0; i < fleet_.size(); ++i) {
      EXPECT_LE(left(fleet_[i]), before[i]);
      EXPECT_GT(left(fleet_[i]), before[i] - 10'000);
      EXPECT_EQ(fleet_[i].Run({"GET", "redlock:kept"}), held->lock_id());
    }
  }
}

TEST_F(RedLockContention, OneNameTwiceInABatchIsHadOnce) {
  const auto factory = ConnectTo(fleet_);
  const auto locks = factory->CreateLocks(std::vector<std::string>{"a", "b", "a"}, {});
  EXPECT_TRUE(locks[0]->IsAcquired());
  EXPECT_TRUE(locks[1]->IsAcquired());
  EXPECT_EQ(locks[2]->status(), RedLockStatus::kConflicted);
}

/// How many of both have the lock of each name.
std::vector<int> TakeAtOnce(const RedisFleet& fleet, const std::vector<std::string>& one,
                            const std::vector<std::string>& other, std::size_t name_count) {
  const auto factory = ConnectTo(fleet, kManyAttempts);
  const auto factory_too = ConnectTo(fleet, kManyAttempts);
  std::vector<Result<RedLock>> locks;
  std::jthread taker([&] { locks = factory->CreateLocks(one, {}); });
  const auto locks_too = factory_too->CreateLocks(other, {});
  taker.join();
  std::vector<int> counts(name_count);
  for (const auto* all : {&std::as_const(locks), &locks_too})
    for (const auto& lock : *all)
      counts[std::stoul(lock->resource())] += lock->IsAcquired() ? 1 : 0;
  return counts;
}

TEST_F(RedLockContention, OverlappingBatchesHaveEachNameOnce) {
  const std::vector<std::string> one{"0", "1", "2", "3"};
  const std::vector<std::string> other{"5", "3", "2", "4"};
  EXPECT_EQ(TakeAtOnce(fleet_, one, other, 6), std::vector(6, 1));
}

TEST_F(RedLockContention, TwoThatTakeTheSameThousandHaveEachOnce) {
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back(std::to_string(i));
  const std::vector<std::string> backwards(names.rbegin(), names.rend());
  EXPECT_EQ(TakeAtOnce(fleet_, names, backwards, names.size()), std::vector(1000, 1));
}

TEST_F(RedLockContention, TwoKeyFormatsAreTwoWorldsInOneDatabase) {
  const auto addresses = fleet_.Addresses(fleet_.size());
  const auto one = ConnectTo(addresses, 3, {}, "one:{0}");
  const auto other = ConnectTo(addresses, 3, {}, "{0}:other");
  const auto lock = one->TryLock("name");
  const auto lock_too = other->TryLock("name");
  EXPECT_TRUE(lock->IsAcquired());
  EXPECT_TRUE(lock_too->IsAcquired());
  EXPECT_EQ(fleet_[0].Run({"GET", "one:name"}), lock->lock_id());
  EXPECT_EQ(fleet_[0].Run({"GET", "name:other"}), lock_too->lock_id());
}

/// The process's locale, until its end: numbers are grouped, and words are Turkish if the system knows that.
class ForeignLocale {
 public:
  ForeignLocale() {
    std::locale::global(std::locale(std::locale::classic(), &grouping_));
    (void)std::setlocale(LC_ALL, "tr_TR.UTF-8");
  }
  ~ForeignLocale() {
    std::locale::global(std::locale::classic());
    (void)std::setlocale(LC_ALL, "C");
  }
  ForeignLocale(const ForeignLocale&) = delete;
  ForeignLocale& operator=(const ForeignLocale&) = delete;

 private:
  struct Grouping final : std::numpunct<char> {
    Grouping() : std::numpunct<char>(1) {}  // not owned by its locales
    [[nodiscard]] std::string do_grouping() const override { return "\3"; }
    [[nodiscard]] char do_thousands_sep() const override { return '.'; }
  };
  Grouping grouping_;
};

TEST_F(RedLockContention, NoLocaleChangesKeysOrNumbers) {
  const ForeignLocale foreign;
  const auto factory =
      ConnectTo({fleet_[0].endpoint().ToString() + ",ASYNCTIMEOUT=10000,DEFAULTDATABASE=0"}, 1);
  const auto lock = factory->TryLock("ISIK", {.expiry = milliseconds(1'234'567)});
  EXPECT_TRUE(lock->IsAcquired());
  EXPECT_EQ(fleet_[0].Run({"GET", "redlock:ISIK"}), lock->lock_id());
  EXPECT_GT(std::stoi(fleet_[0].Run({"PTTL", "redlock:ISIK"})), 1'000'000);
}

TEST_F(RedLockContention, AQuorumThatComesAfterTheExpiryIsExpired) {
  const auto factory = ConnectTo(fleet_, {.node_timeout = seconds(20)});
  for (const auto& server : fleet_) server->Run({"CLIENT", "PAUSE", "1000"});
  const auto lock = factory->TryLock("too late", {.expiry = milliseconds(100)});
  EXPECT_EQ(lock->status(), RedLockStatus::kExpired);
  EXPECT_GE(lock->instance_summary().acquired, 2);
  EXPECT_FALSE(lock->IsAcquired());
  EXPECT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:too late") == 0; }));
}

TEST_F(RedLockContention, AnExpiryBelowTenMillisecondsIsTen) {
  const auto factory = ConnectTo(fleet_);
  for (const milliseconds expiry : {milliseconds(1), milliseconds(9)}) {
    std::optional<Result<RedLock>> lock;
    Instant before;
    ASSERT_TRUE(Eventually([&] {  // a busy machine is too slow for it, now and then
      before = clock_.Now();
      lock.emplace(factory->TryLock("short", {.expiry = expiry, .renew = false}));
      return (*lock)->deadline() != Instant{};
    }));
    const Duration validity = milliseconds(10) - std::chrono::microseconds(2100);
    EXPECT_GE((*lock)->deadline() - before, validity);
    EXPECT_LE((*lock)->deadline() - clock_.Now(), validity);
    (*lock)->Release();
  }
}

// Wherever it is then: asking, giving back what it has got, pausing, or woken.
TEST_F(RedLockContention, AWaitThatIsCancelledAtAnyMomentLeavesNothing) {
  const auto factory = ConnectTo(fleet_);
  for (const std::size_t i : {0UZ, 1UZ})  // the third is granted and given back, again and again
    fleet_[i].Run({"SET", "redlock:any", "another's"});
  int cancelled = 0;
  for (int i = 0; i < 200; ++i) {
    std::stop_source stop;
    std::atomic<bool> is_done = false;
    factory->CreateLockAsync("any",
                             {.expiry = seconds(60),
                              .wait = seconds(60),
                              .retry = milliseconds(10),
                              .cancellation = stop.get_token()},
                             [&](Result<RedLock> lock) {
                               cancelled += lock ? 0 : 1;
                               is_done = true;
                               is_done.notify_one();
                             });
    const Instant end = clock_.Now() + i * std::chrono::microseconds(100);
    while (clock_.Now() < end) std::this_thread::yield();
    stop.request_stop();
    is_done.wait(false);
  }
  EXPECT_EQ(cancelled, 200);
  for (const std::size_t i : {0UZ, 1UZ}) fleet_[i].Run({"DEL", "redlock:any"});
  // On the same connections, so after whatever they have left to be said.
  EXPECT_GE(factory->CreateLock("any", kLiveExpiry)->Release().released, 2);
  EXPECT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:any") == 0; }));
}

TEST_F(RedLockContention, WhoWaitsWhenTheFactoryIsClosedIsTold) {
  const auto holder = ConnectTo(fleet_);
  auto held = holder->CreateLock("closing", kLiveExpiry);
  auto factory = ConnectTo(fleet_);
  std::atomic<int> code = -1;
  factory->CreateLockAsync("closing", {.wait = seconds(60)}, [&](const Result<RedLock>& lock) {
    code = lock ? 0 : static_cast<int>(lock.error().code);
  });
  factory.reset();
  EXPECT_EQ(code, static_cast<int>(ErrorCode::kUnavailable));
}

TEST(RedLockFactoryDeathTest, ACallThatWaitsOnTheThreadThatIsToAnswerEndsTheProcess) {
  const DeadPort dead;
  const auto call_back = [&](const std::function<void(RedLockFactory&, RedLock&)>& call) {
    const auto factory = RedLockFactory::Create({dead.endpoint().ToString()}).value();
    std::atomic<bool> is_done = false;
    factory->TryLockAsync("name", {}, [&](Result<RedLock> lock) {
      call(*factory, *lock);
      is_done = true;
      is_done.notify_one();
    });
    is_done.wait(false);
  };
  EXPECT_DEATH(call_back([](RedLockFactory& factory, RedLock&) { (void)factory.Instances(); }),
               "internal error");
  EXPECT_DEATH(call_back([](RedLockFactory& factory, RedLock&) { (void)factory.TryLock("too"); }),
               "internal error");
  EXPECT_DEATH(call_back([](RedLockFactory&, RedLock& lock) { lock.Release(); }), "internal error");
}

}  // namespace
}  // namespace itemgate
