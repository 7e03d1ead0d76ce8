// The cases of RedLock.net's own tests, and those of its peers, against real servers.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <future>
#include <thread>

#include <gmock/gmock.h>

#include "lock/redlock/redlock_content_lock.h"
#include "lock/redlock/scripts.h"
#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

class RedLockLive : public testing::Test {
 protected:
  RedisFleet fleet_{3};
  SystemClock clock_;
};

TEST_F(RedLockLive, AMinorityOfDeadServersIsTolerated) {
  auto addresses = fleet_.Addresses(fleet_.size());
  const DeadPort dead;
  const DeadPort dead_too;
  addresses.push_back(dead.endpoint().ToString());
  addresses.push_back(dead_too.endpoint().ToString());
  const auto factory = ConnectTo(addresses, 3);
  auto lock = factory->CreateLock("minority", kLiveExpiry);
  ASSERT_TRUE(lock.has_value());
  EXPECT_TRUE(lock->IsAcquired());
  auto second = factory->CreateLock("minority", kLiveExpiry);
  EXPECT_FALSE(second->IsAcquired());
  EXPECT_EQ(second->status(), RedLockStatus::kConflicted);
}

TEST_F(RedLockLive, TheKeyIsWhatRedLockNetWrites) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock("wire", kLiveExpiry);
  EXPECT_EQ(fleet_[0].Run({"GET", "redlock:wire"}), lock->lock_id());
  EXPECT_THAT(lock->lock_id(), testing::MatchesRegex("[0-9a-f-]+"));
  EXPECT_EQ(lock->lock_id().size(), 36U);
  const int left = std::stoi(fleet_[0].Run({"PTTL", "redlock:wire"}));
  EXPECT_GT(left, 29'000);
  EXPECT_LE(left, 30'000);
}

TEST_F(RedLockLive, TheDigestsOfTheScriptsAreRight) {
  for (const redlock::Script& script :
       {redlock::kUnlockScript, redlock::kUnlockAndPublishScript, redlock::kUnlockManyScript,
        redlock::kExtendScript, redlock::kExtendOrSetScript})
    EXPECT_EQ(fleet_[0].Run({"SCRIPT", "LOAD", std::string(script.text)}), script.digest);
}

TEST_F(RedLockLive, ReleasedIsFreeAtOnce) {
  const auto factory = ConnectTo(fleet_);
  for (int i = 0; i < 100; ++i) {
    auto lock = factory->TryLock("again");
    ASSERT_TRUE(lock->IsAcquired()) << i;
    const std::stop_token lost = lock->lost_token();
    const RedLockRelease release = lock->Release();
    EXPECT_GE(release.released, 2);
    EXPECT_FALSE(lost.stop_requested());
    EXPECT_EQ(lock->status(), RedLockStatus::kUnlocked);
    EXPECT_FALSE(lock->IsAcquired());
  }
}

TEST_F(RedLockLive, TwoWhoHoldLongerThanTheExpiryTakeTurns) {
  const auto factory = ConnectTo(fleet_);
  std::atomic<int> holders = 0;
  const auto work = [&] {
    auto lock = factory->CreateLock("turns", milliseconds(300), seconds(10), milliseconds(100));
    ASSERT_TRUE(lock->IsAcquired());
    EXPECT_EQ(holders.fetch_add(1), 0);
    EXPECT_TRUE(Eventually([&] { return lock->extend_count() >= 5; }));
    EXPECT_TRUE(lock->IsAcquired());
    holders.fetch_sub(1);
    lock->Release();
  };
  std::jthread other(work);
  work();
}

TEST_F(RedLockLive, AHeldLockIsExtendedOnEveryServer) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock("extended", milliseconds(600));
  EXPECT_TRUE(Eventually([&] { return lock->extend_count() > 2; }));
  for (const auto& server : fleet_)
    EXPECT_GT(std::stoi(server->Run({"PTTL", "redlock:extended"})), 150);
  EXPECT_EQ(lock->instance_summary().ToString(), "Acquired: 3, Conflicted: 0, Error: 0");
}

TEST_F(RedLockLive, WithoutRenewalItExpiresAndIsFree) {
  const auto factory = ConnectTo(fleet_);
  auto lock = factory->CreateLock("crashed", {.expiry = milliseconds(200), .renew = false});
  ASSERT_TRUE(lock->IsAcquired());
  auto next = factory->CreateLock("crashed", seconds(10), seconds(10), milliseconds(20));
  EXPECT_TRUE(next->IsAcquired());
  EXPECT_FALSE(lock->IsAcquired());
  EXPECT_TRUE(lock->lost_token().stop_requested());
  const RedLockRelease release = lock->Release();  // must not touch the other's keys
  EXPECT_EQ(release.released, 0);
  EXPECT_GE(release.absent, 2);
  EXPECT_EQ(CountKeys(fleet_, "redlock:crashed"), 3);
}

TEST_F(RedLockLive, QuorumsOfLiveAndDeadServers) {
  const auto live = fleet_.Addresses(fleet_.size());
  struct Case {
    int live;
    int dead;
    RedLockStatus status;
  };
  for (const Case& one :
       {Case{3, 0, RedLockStatus::kAcquired}, Case{0, 3, RedLockStatus::kNoQuorum},
        Case{3, 2, RedLockStatus::kAcquired}, Case{3, 3, RedLockStatus::kNoQuorum},
        Case{1, 0, RedLockStatus::kAcquired}, Case{1, 1, RedLockStatus::kNoQuorum}}) {
    std::vector<std::string> addresses(live.begin(), live.begin() + one.live);
    std::vector<std::unique_ptr<DeadPort>> dead;
    for (int i = 0; i < one.dead; ++i) {
      dead.push_back(std::make_unique<DeadPort>());
      addresses.push_back(dead.back()->endpoint().ToString());
    }
    const auto factory = ConnectTo(addresses, one.live);
    auto lock = factory->CreateLock("matrix", kLiveExpiry);
    EXPECT_EQ(lock->status(), one.status) << one.live << " of " << one.live + one.dead;
    lock->Release();
    EXPECT_EQ(CountKeys(fleet_, "redlock:matrix"), 0);
  }
}

TEST_F(RedLockLive, OfThreeFactoriesOneWins) {
  // Each may get one server, and nobody wins: many short attempts.
  const RedLockFactoryOptions options{.retry = {.count = 30, .delay = milliseconds(10)}};
  std::vector<std::unique_ptr<RedLockFactory>> factories;
  for (int i = 0; i < 3; ++i) factories.push_back(ConnectTo(fleet_, options));
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> winners = 0;
    std::barrier all_asked(3);
    std::vector<std::jthread> threads;
    for (const auto& factory : factories) {
      threads.emplace_back([&] {
        const auto lock = factory->CreateLock("race" + std::to_string(round), kLiveExpiry);
        winners += lock->IsAcquired() ? 1 : 0;
        all_asked.arrive_and_wait();
      });
    }
    threads.clear();
    EXPECT_EQ(winners, 1);
  }
}

TEST_F(RedLockLive, PasswordDatabaseAndKeyFormat) {
  const RedisServer secured({.password = "open-sesame"});
  const auto factory =
      ConnectTo({secured.endpoint().ToString() + ",password=open-sesame,defaultDatabase=7"}, 1, {},
                "{0}-redislock");
  auto lock = factory->CreateLock("options", kLiveExpiry);
  EXPECT_TRUE(lock->IsAcquired());
  const auto refused = ConnectTo({secured.endpoint().ToString() + ",password=wrong"}, 0);
  EXPECT_EQ(refused->CreateLock("options", kLiveExpiry)->status(), RedLockStatus::kNoQuorum);
  EXPECT_THAT(refused->Instances()[0].failure, testing::HasSubstr("password are wrong"));
  const auto other_database = ConnectTo(
      {"redis://:open-sesame@" + secured.endpoint().ToString() + "/3"}, 1, {}, "{0}-redislock");
  EXPECT_TRUE(other_database->TryLock("options")->IsAcquired());
  const std::string look = "redis.call('SELECT', 7) return redis.call('EXISTS', KEYS[1])";
  EXPECT_EQ(secured.Run({"EVAL", look, "1", "options-redislock"}), "1");
  RedLockEndPoint end_point(secured.endpoint().ToString() + ",password=open-sesame");
  end_point.redis_database = 7;
  end_point.redis_key_format = "{0}-redislock";
  const auto same = RedLockFactory::Create({end_point}, {.connect_wait = seconds(10)});
  EXPECT_EQ((*same)->TryLock("options")->status(), RedLockStatus::kConflicted);
}

TEST_F(RedLockLive, RefusesWhatItWouldUnderstandInAnotherWay) {
  for (const char* format : {"{{redlock}}:{0}", "{0}:{0}", "redlock"}) {
    RedLockEndPoint end_point(fleet_[0].endpoint().ToString());
    end_point.redis_key_format = format;
    const auto refused = RedLockFactory::Create({end_point});
    ASSERT_FALSE(refused) << format;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  }
  RedLockEndPoint in_the_clear(fleet_[0].endpoint().ToString());
  in_the_clear.tls_ca_file = "/ca.pem";
  EXPECT_EQ(RedLockFactory::Create({in_the_clear}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(RedLockLive, OverTls) {
  const RedisCertificates certificates;
  const RedisServer secured({.tls = &certificates, .client_certificate = true});
  RedLockEndPoint end_point(secured.endpoint().ToString() + ",ssl=true,sslHost=localhost");
  end_point.tls_ca_file = certificates.ca_file();
  const auto refused = RedLockFactory::Create({end_point});
  EXPECT_EQ((*refused)->TryLock("tls")->status(), RedLockStatus::kNoQuorum);
  end_point.tls_certificate_file = certificates.client_certificate();
  end_point.tls_key_file = certificates.client_key();
  const auto factory = RedLockFactory::Create({end_point}, {.connect_wait = seconds(10)});
  EXPECT_TRUE((*factory)->TryLock("tls")->IsAcquired());
}

TEST_F(RedLockLive, AWaitIsCancelled) {
  const auto factory = ConnectTo(fleet_);
  auto held = factory->CreateLock("cancelled", kLiveExpiry);
  std::stop_source stop;
  std::jthread canceller([&] { stop.request_stop(); });
  const auto lock = factory->CreateLock("cancelled", kLiveExpiry, seconds(60), milliseconds(500),
                                        stop.get_token());
  ASSERT_FALSE(lock.has_value());
  EXPECT_EQ(lock.error().code, ErrorCode::kCancelled);
  const auto again =
      factory->CreateLock("other", kLiveExpiry, seconds(60), milliseconds(500), stop.get_token());
  EXPECT_EQ(again.error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(Eventually([&] { return CountKeys(fleet_, "redlock:other") == 0; }));
}

TEST_F(RedLockLive, TryOnceDoesNotPause) {
  const auto factory = ConnectTo(fleet_);
  auto held = factory->CreateLock("once", kLiveExpiry);
  const Instant start = clock_.Now();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(factory->TryLock("once")->status(), RedLockStatus::kConflicted);
  EXPECT_LT(clock_.Now() - start, seconds(2));  // three attempts would take 400 ms each, on average
}

TEST_F(RedLockLive, AStrictDeadlineIsKept) {
  const auto factory = ConnectTo(fleet_);
  auto held = factory->CreateLock("strict", kLiveExpiry);
  const Instant start = clock_.Now();
  auto lock = factory->CreateLock(
      "strict",
      {.wait = milliseconds(200), .retry = milliseconds(50), .deadline = RedLockDeadline::kStrict});
  EXPECT_EQ(lock->status(), RedLockStatus::kConflicted);
  EXPECT_LT(clock_.Now() - start, milliseconds(500));
}

TEST_F(RedLockLive, AReleaseWakesWhoWaitsHere) {
  const auto factory = ConnectTo(fleet_);
  auto held = factory->CreateLock("woken", kLiveExpiry);
  std::atomic<bool> done = false;
  std::jthread waiter([&] {
    auto lock = factory->CreateLock("woken", kLiveExpiry, seconds(100), seconds(100));
    EXPECT_TRUE(lock->IsAcquired());
    done = true;
  });
  // Released only once the other has begun to wait: its first attempts are over after 0.8 s at the latest.
  EXPECT_FALSE(Eventually([&] { return done.load(); }, seconds(1)));
  held->Release();
  EXPECT_TRUE(Eventually([&] { return done.load(); }, seconds(10)));
}

TEST_F(RedLockLive, AReleaseWakesWhoWaitsElsewhere) {
  const auto factory = ConnectTo(fleet_);
  const auto elsewhere = ConnectTo(fleet_);
  auto held = factory->CreateLock("elsewhere", kLiveExpiry);
  std::atomic<bool> done = false;
  std::jthread waiter([&] {
    auto lock = elsewhere->CreateLock("elsewhere", kLiveExpiry, seconds(100), seconds(100));
    EXPECT_TRUE(lock->IsAcquired());
    done = true;
  });
  const auto is_heard = [](const auto& server) {
    return server->Run({"CLIENT", "LIST", "TYPE", "pubsub"}).find("name=") != std::string::npos;
  };
  EXPECT_TRUE(Eventually([&] { return std::ranges::any_of(fleet_, is_heard); }));
  EXPECT_FALSE(Eventually([&] { return done.load(); }, seconds(2)));  // its first attempts are over
  held->Release();
  EXPECT_TRUE(Eventually([&] { return done.load(); }, seconds(10)));
}

TEST_F(RedLockLive, AHundredThreadsNeverOverlap) {
  const auto factory = ConnectTo(fleet_);
  std::atomic<int> inside = 0;
  std::atomic<int> passed = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&] {
      auto lock = factory->CreateLock("crowd", kLiveExpiry, seconds(60), milliseconds(100));
      ASSERT_TRUE(lock->IsAcquired());
      EXPECT_EQ(inside.fetch_add(1), 0);
      inside.fetch_sub(1);
      ++passed;
      lock->Release();
    });
  }
  threads.clear();
  EXPECT_EQ(passed, 100);
}

TEST_F(RedLockLive, AThousandLocksInOneRoundTrip) {
  const auto factory = ConnectTo(fleet_);
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back("many:" + std::to_string(i));
  auto locks = factory->CreateLocks(names, {});
  for (const auto& lock : locks) EXPECT_TRUE(lock->IsAcquired());
  EXPECT_EQ(fleet_[1].Run({"DBSIZE"}), "1000");
  locks.clear();  // the destructors release
  EXPECT_TRUE(Eventually([&] { return fleet_[1].Run({"DBSIZE"}) == "0"; }));
}

TEST_F(RedLockLive, NamesAreBinaryAndDistinct) {
  const auto factory = ConnectTo(fleet_);
  const std::vector<std::string> names = {
      "a", "A", "a ", std::string("a\0b", 3), "{a}", "\xFF\r\n", std::string(60'000, 'x')};
  for (auto& lock : factory->CreateLocks(names, {})) EXPECT_TRUE(lock->IsAcquired());
}

TEST_F(RedLockLive, TheSameServerTwiceIsNoQuorum) {
  const auto factory =
      ConnectTo({fleet_[0].endpoint().ToString(), fleet_[0].endpoint().ToString()}, 2);
  EXPECT_TRUE(Eventually([&] { return factory->Instances()[1].is_duplicate; }));
  EXPECT_FALSE(factory->Instances()[0].is_duplicate);
  auto lock = factory->CreateLock("twice", kLiveExpiry);
  EXPECT_FALSE(lock->IsAcquired());
  EXPECT_EQ(CountKeys(fleet_, "redlock:twice"), 0);
}

TEST_F(RedLockLive, TheSameServerTwiceNeverVotesTwiceNotEvenAtFirst) {
  std::vector<RedLockEndPoint> end_points;
  for (const char* database : {"0", "1", "2"})
    end_points.emplace_back(fleet_[0].endpoint().ToString() + ",defaultDatabase=" + database);
  for (int i = 0; i < 50; ++i) {
    const auto factory = RedLockFactory::Create(end_points, {.connect_wait = milliseconds(0)});
    // Until all are known, which shows itself by the two that have no vote.
    const auto all_are_known = [&] {
      EXPECT_EQ((*factory)->TryLock("twice")->status(), RedLockStatus::kNoQuorum);
      return std::ranges::count_if((*factory)->Instances(), &RedLockInstance::is_duplicate) == 2;
    };
    EXPECT_TRUE(Eventually(all_are_known));
  }
}

TEST_F(RedLockLive, ReleasesWhatIsHeldWhenItIsClosed) {
  auto factory = ConnectTo(fleet_);
  std::atomic<int> reason = -1;
  auto lock = factory->CreateLock(
      "closed", {.on_lost = [&](RedLockLossReason why) { reason = static_cast<int>(why); }});
  const std::stop_token lost = lock->lost_token();
  EXPECT_FALSE(lost.stop_requested());
  factory.reset();
  EXPECT_EQ(CountKeys(fleet_, "redlock:closed"), 0);
  EXPECT_TRUE(lost.stop_requested());
  EXPECT_EQ(lock->loss_reason(), RedLockLossReason::kFactoryClosed);
  EXPECT_EQ(reason, static_cast<int>(RedLockLossReason::kFactoryClosed));
  EXPECT_FALSE(lock->IsAcquired());
  EXPECT_EQ(lock->Release().released, 0);
}

TEST_F(RedLockLive, AReleaseIsAnsweredHoweverTheFactoryEnds) {
  for (int round = 0; round < 20; ++round) {
    auto factory = ConnectTo(fleet_);
    std::atomic<int> answered = 0;
    std::barrier begin(17);
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i) {
      threads.emplace_back([&, lock = factory->TryLock("end:" + std::to_string(i))]() mutable {
        begin.arrive_and_wait();
        for (int again = 0; again < 50; ++again) lock->Release();
        ++answered;
      });
    }
    begin.arrive_and_wait();
    factory.reset();
    ASSERT_TRUE(Eventually([&] { return answered == 16; })) << "a release hangs in " << round;
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_F(RedLockLive, BehindTheSeamOfContentLocks) {
  const auto factory = ConnectTo(fleet_);
  redlock::RedLockContentLock lock(*factory, kLiveExpiry);
  const auto acquire = [&](milliseconds wait) {
    std::promise<Result<std::unique_ptr<Lease>>> answer;
    lock.Acquire("content", {.wait = wait},
                 [&](Result<std::unique_ptr<Lease>> lease) { answer.set_value(std::move(lease)); });
    return answer.get_future().get();
  };
  auto lease = acquire({});
  ASSERT_TRUE(lease.has_value());
  EXPECT_GT((*lease)->Deadline(), clock_.Now());
  EXPECT_FALSE((*lease)->LostToken().stop_requested());
  EXPECT_EQ(acquire({}).error().code, ErrorCode::kBusy);
  EXPECT_EQ(acquire(milliseconds(50)).error().code, ErrorCode::kBusy);
  lease->reset();
  EXPECT_TRUE(acquire(seconds(10)).has_value());
  for (const std::size_t i : {0UZ, 1UZ}) fleet_[i].Kill();
  EXPECT_EQ(acquire({}).error().code, ErrorCode::kUnavailable);
}

TEST(RedLockFactoryTest, WrongArgumentsAreRefused) {
  EXPECT_EQ(RedLockFactory::Create({}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(RedLockFactory::Create({"127.0.0.1:1"}, {.retry = {.count = 0}}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      RedLockFactory::Create({"127.0.0.1:1"}, {.retry = {.delay = milliseconds(9)}}).error().code,
      ErrorCode::kInvalidArgument);
  RedLockEndPoint no_placeholder("127.0.0.1:1");
  no_placeholder.redis_key_format = "redlock";
  EXPECT_EQ(RedLockFactory::Create({no_placeholder}).error().code, ErrorCode::kInvalidArgument);
  const DeadPort dead;
  const auto factory = RedLockFactory::Create({dead.endpoint().ToString()});
  ASSERT_TRUE(factory.has_value());  // a server that is not there is no reason to fail
  const auto refusal = [&](const std::string& name, const RedLockOptions& options) {
    return (*factory)->TryLock(name, options).error().code;
  };
  EXPECT_EQ(refusal("", {}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(std::string((64 << 10) + 1, 'x'), {}), ErrorCode::kTooLarge);
  EXPECT_EQ(refusal("x", {.expiry = milliseconds(0)}), ErrorCode::kInvalidArgument);
  for (const milliseconds wrong : {milliseconds(-1), milliseconds::max()})
    for (const RedLockOptions& options :
         {RedLockOptions{.expiry = wrong}, RedLockOptions{.wait = wrong},
          RedLockOptions{.retry = wrong}, RedLockOptions{.hold_max = wrong},
          RedLockOptions{.lost_margin = wrong}})
      EXPECT_EQ(refusal("x", options), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace itemgate
