// Servers of one database, with Redis that is there, that is not, and that goes away.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "itemgate/itemgate.h"
#include "testing/live_database.h"
#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

class OpenRedisLiveTest : public testing::Test {
 protected:
  /// Another server of the database.
  std::unique_ptr<Itemgate> NewServer(LockUse lock = LockUse::kNone) {
    OpenOptions options{.database = url_};
    options.redis.servers = redis_.Addresses(redis_.size());
    options.service.lock_use = lock;
    auto server = Open(options);
    EXPECT_TRUE(server) << server.error().message;
    return *std::move(server);
  }
  /// One that has reached all of Redis.
  std::unique_ptr<Itemgate> NewReadyServer() {
    auto server = NewServer();
    EXPECT_TRUE(Eventually([&] { return StatisticsOf(*server).seen_cache.nodes_ready == 3; }));
    return server;
  }
  static ServiceStatistics StatisticsOf(Itemgate& server) { return server.service().Statistics(); }
  [[nodiscard]] int SeenKeys() const {
    int count = 0;
    for (const auto& server : redis_) count += std::stoi(server->Run({"DBSIZE"}));
    return count;
  }

  const std::string url_ = NewMigratedDatabase();
  RedisFleet redis_{3};
};

TEST_F(OpenRedisLiveTest, WhatOneServerSavedTheOtherKnowsFromRedis) {
  const auto one = NewReadyServer();
  const auto other = NewReadyServer();
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) texts.push_back("content " + std::to_string(i));
  const std::vector<std::string_view> contents(texts.begin(), texts.end());
  const auto saved = one->service().SaveItems(contents);
  ASSERT_TRUE(Eventually([&] { return SeenKeys() == 100; }));
  const auto again = other->service().SaveItems(contents);
  for (std::size_t i = 0; i < contents.size(); ++i) {
    EXPECT_EQ(again[i].outcome, Outcome::kDuplicate);
    EXPECT_EQ(again[i].id, saved[i].id);
  }
  EXPECT_EQ(StatisticsOf(*other).seen_cache.hits, 100U);
  EXPECT_EQ(StatisticsOf(*other).commits, 0U);
}

TEST_F(OpenRedisLiveTest, AFailoverOfTheDatabaseMakesTheCacheForgetAll) {
  const auto before = NewReadyServer();
  EXPECT_TRUE(before->service().SaveItem("a").success());
  ASSERT_TRUE(Eventually([&] { return SeenKeys() == 1; }));
  Server().Query(DatabaseOf(url_),
                 "UPDATE itemgate.store SET generation = 2; TRUNCATE itemgate.item");
  const auto after = NewReadyServer();
  EXPECT_EQ(after->service().SaveItem("a").outcome, Outcome::kCreated);
  EXPECT_EQ(StatisticsOf(*after).seen_cache.hits, 0U);
}

TEST_F(OpenRedisLiveTest, EveryServerOfADatabaseHasItsSecretAndNoOtherDatabaseHasIt) {
  const SystemClock clock;
  const auto one = OpenStore(clock, url_);
  const auto other = OpenStore(clock, url_, 2);
  EXPECT_EQ(one->cache_secret(), other->cache_secret());
  EXPECT_NE(one->cache_secret(), OpenStore(clock, NewMigratedDatabase())->cache_secret());
  EXPECT_NE(one->cache_secret(), PostgresStore::CacheSecret{});
}

TEST_F(OpenRedisLiveTest, LocksAreTakenAndGivenBackAndTheirLossStopsNobody) {
  const auto server = NewServer(LockUse::kAlways);
  const auto save = [&](const std::string& content) {
    return server->service().SaveItem(content).success();
  };
  EXPECT_TRUE(save("a"));
  EXPECT_EQ(StatisticsOf(*server).lock.acquired, 1U);
  EXPECT_TRUE(Eventually([&] { return redis_[0].Run({"KEYS", "redlock:*"}).empty(); }));

  for (std::size_t i = 0; i < redis_.size(); ++i) redis_[i].Kill();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(save("without " + std::to_string(i)));
  const LockStatistics away = StatisticsOf(*server).lock;
  EXPECT_GT(away.skipped, 0U);
  EXPECT_LT(away.unavailable, 10U);

  for (std::size_t i = 0; i < redis_.size(); ++i) redis_[i].Restart();
  int number = 0;
  EXPECT_TRUE(Eventually([&] {
    EXPECT_TRUE(save("again " + std::to_string(number++)));
    return StatisticsOf(*server).lock.acquired >= 5;
  }));
}

TEST_F(OpenRedisLiveTest, ServersThatHangAreGoneOnWithout) {
  const auto server = NewServer(LockUse::kAlways);
  EXPECT_TRUE(server->service().SaveItem("a").success());
  for (std::size_t i = 0; i < redis_.size(); ++i) redis_[i].Pause();
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(server->service().SaveItem("content " + std::to_string(i)).success());
  EXPECT_GT(StatisticsOf(*server).lock.skipped, 0U);
  for (std::size_t i = 0; i < redis_.size(); ++i) redis_[i].Resume();
}

TEST_F(OpenRedisLiveTest, StartsAndGoesOnWithoutAnyOfThem) {
  for (std::size_t i = 0; i < redis_.size(); ++i) redis_[i].Kill();
  const auto server = NewServer(LockUse::kAlways);
  EXPECT_TRUE(server->service().SaveItem("a").success());
  EXPECT_TRUE(server->StoreStatisticsNow().accepts_items);
}

TEST_F(OpenRedisLiveTest, ALockThatAnotherServerHasDelaysASaveOnlyForAMoment) {
  const auto server = NewServer(LockUse::kAlways);
  const auto factory = ConnectTo(redis_);
  const std::string name =
      "default/ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";  // of "a"
  const auto held = factory->CreateLock(name, kLiveExpiry);
  ASSERT_TRUE(held && held->IsAcquired());
  EXPECT_TRUE(server->service().SaveItem("a").success());
  EXPECT_GE(StatisticsOf(*server).lock.busy, 1U);
}

TEST_F(OpenRedisLiveTest, RefusesATextThatIsWrongAndSaysWhy) {
  OpenOptions options{.database = url_};
  options.redis.servers = {"localhost:port"};
  const auto server = Open(options);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(server.error().message.find("no address"), std::string::npos);
}

}  // namespace
}  // namespace itemgate
