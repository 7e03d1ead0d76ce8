// The seen cache with real redis-servers: one, several, a Sentinel group, a cluster; and all that they can do to it.

#include <algorithm>
#include <array>
#include <functional>
#include <string>

#include <gmock/gmock.h>

#include "cache/redis/redis_seen_cache.h"
#include "testing/eventually.h"
#include "testing/redis_fleet.h"
#include "testing/seen_cache_conformance.h"

namespace itemgate {
namespace {

using std::chrono::milliseconds;
using testing::Each;
using testing::HasSubstr;
using Ids = std::vector<std::optional<ItemId>>;

constexpr Duration kLiveDeadline =
    milliseconds(200);  // for a machine that does much at the same time
const Ids kUnknown{std::nullopt};

RedisSeenCacheOptions OptionsFor(const std::vector<std::string>& servers) {
  RedisSeenCacheOptions options{.servers = servers, .deadline = kLiveDeadline};
  options.secret.fill(std::byte{7});
  return options;
}

std::unique_ptr<RedisSeenCache> Connect(const RedisSeenCacheOptions& options) {
  auto cache = RedisSeenCache::Make(options);
  EXPECT_TRUE(cache.has_value()) << cache.error().message;
  EXPECT_TRUE(Eventually([&] {
    (void)LookAndWait(**cache, {SeenKeyOf("is it there")});
    const SeenCacheStatistics told = (*cache)->Statistics();
    return told.nodes_ready == told.nodes;
  }));
  return *std::move(cache);
}

/// So many servers, and a cache on them.
class LiveCache final : public SeenCacheUnderTest {
 public:
  explicit LiveCache(int count)
      : fleet_(count), cache_(Connect(OptionsFor(fleet_.Addresses(fleet_.size())))) {}
  SeenCache& cache() override { return *cache_; }

 private:
  RedisFleet fleet_;
  std::unique_ptr<RedisSeenCache> cache_;
};

/// A cluster of three servers, made once, for that takes seconds; emptied for each cache on it.
class LiveCluster {
 public:
  LiveCluster() {
    std::vector<std::string> create{"--cluster", "create"};
    for (auto& server : servers_) {
      server = std::make_unique<RedisServer>(RedisServer::Options{.cluster = true});
      create.push_back(server->ClusterAddress());
    }
    create.emplace_back("--cluster-yes");
    servers_[0]->Run(create);
    for (const auto& server : servers_)
      EXPECT_TRUE(Eventually(
          [&] { return server->Run({"CLUSTER", "INFO"}).contains("cluster_state:ok"); }));
  }
  [[nodiscard]] std::string Empty() const {
    for (const auto& server : servers_) server->Run({"FLUSHALL"});
    return "redis+cluster://" + servers_[1]->endpoint().ToString();
  }

 private:
  std::array<std::unique_ptr<RedisServer>, 3> servers_;
};

class ClusterCache final : public SeenCacheUnderTest {
 public:
  SeenCache& cache() override { return *cache_; }

 private:
  static const LiveCluster& SharedCluster() {
    static const LiveCluster cluster;
    return cluster;
  }
  std::unique_ptr<RedisSeenCache> cache_ = Connect(OptionsFor({SharedCluster().Empty()}));
};

template <typename Cache, auto... arguments>
std::unique_ptr<SeenCacheUnderTest> Make() {
  return std::make_unique<Cache>(arguments...);
}

INSTANTIATE_TEST_SUITE_P(Redis, SeenCacheConformance,
                         testing::Values(SeenCacheMaker{"one", Make<LiveCache, 1>},
                                         SeenCacheMaker{"three", Make<LiveCache, 3>},
                                         SeenCacheMaker{"cluster", Make<ClusterCache>}),
                         [](const auto& tested) { return tested.param.name; });

class RedisSeenCacheLiveTest : public testing::Test {
 protected:
  void Open(const RedisSeenCacheOptions& options) { cache_ = Connect(options); }
  void Open() { Open(OptionsFor({server_.endpoint().ToString()})); }

  /// The time of one look-up, in which nothing may be found.
  Duration TimeOfAMiss(const ContentKey& key) {
    const Instant begin = clock_.Now();
    EXPECT_EQ(LookAndWait(*cache_, {key}), kUnknown);
    return clock_.Now() - begin;
  }
  [[nodiscard]] bool Fill(const std::vector<SeenItem>& items) {
    return FillUntilKnown(*cache_, items);
  }
  std::string OnlyKey() { return server_.Run({"KEYS", "*"}); }

  const SystemClock clock_;
  const SeenItem item_{SeenKeyOf("a"), ItemId{7}};
  RedisServer server_;
  std::unique_ptr<RedisSeenCache> cache_;
};

TEST_F(RedisSeenCacheLiveTest, WritesOneShortKeyWhichTellsNothing) {
  Open();
  ASSERT_TRUE(Fill({item_}));
  EXPECT_THAT(OnlyKey(), testing::MatchesRegex("seen:[A-Za-z0-9_-]+"));
  EXPECT_EQ(server_.Run({"STRLEN", OnlyKey()}), "24");
  EXPECT_EQ(server_.Run({"TTL", OnlyKey()}), "-1");
  EXPECT_THAT(server_.Run({"CLIENT", "LIST"}), HasSubstr("name=itemgate-seen"));
}

TEST_F(RedisSeenCacheLiveTest, ManyLookUpsTogetherAreOneCommand) {
  Open();
  const std::vector<SeenItem> items = SeenItemsOf("item", 400);
  ASSERT_TRUE(Fill(items));
  server_.Run({"CONFIG", "RESETSTAT"});
  EXPECT_EQ(LookAndWait(*cache_, KeysOf(items)).size(), 400u);
  EXPECT_THAT(server_.Run({"INFO", "commandstats"}), HasSubstr("cmdstat_mget:calls=1,"));
}

TEST_F(RedisSeenCacheLiveTest, AnotherServerOfTheSameDatabaseKnowsItAndNoOtherOneDoes) {
  Open();
  ASSERT_TRUE(Fill({item_}));
  RedisSeenCacheOptions options = OptionsFor({server_.endpoint().ToString()});
  EXPECT_EQ(LookAndWait(*Connect(options), {item_.key}), Ids{item_.id});
  options.generation = 1;
  EXPECT_EQ(LookAndWait(*Connect(options), {item_.key}), kUnknown);
  options.generation = 0;
  options.secret.fill(std::byte{8});
  const auto foreign = Connect(options);
  EXPECT_EQ(LookAndWait(*foreign, {item_.key}), kUnknown);
  EXPECT_EQ(foreign->Statistics().mac_failures, 0u);
}

TEST_F(RedisSeenCacheLiveTest, ForgedCopiedAndSenselessValuesAreMissesThatAreCounted) {
  Open();
  ASSERT_TRUE(Fill({item_}));
  const std::string name = OnlyKey();
  server_.Run({"RENAME", name, "kept"});
  ASSERT_TRUE(Fill({{SeenKeyOf("b"), ItemId{8}}}));
  const auto forge = [&](const std::vector<std::string>& command) {
    server_.Run(command);
    EXPECT_EQ(LookAndWait(*cache_, {item_.key}), kUnknown) << command[0];
    server_.Run({"DEL", name});
  };
  EXPECT_EQ(LookAndWait(*cache_, {item_.key}), kUnknown);
  EXPECT_EQ(cache_->Statistics().mac_failures, 0u);
  forge({"COPY", server_.Run({"KEYS", "seen:*"}), name});  // that of another content
  forge({"SET", name, "7"});
  forge({"SET", name, std::string(24, 'x')});
  forge({"SETRANGE", name, "5000000", "x"});
  EXPECT_EQ(cache_->Statistics().mac_failures, 4u);
  forge({"SET", name, ""});
  forge({"LPUSH", name, "x"});  // of another type: Redis itself takes it for nothing
  EXPECT_EQ(cache_->Statistics().mac_failures, 4u);
  server_.Run({"RENAME", "kept", name});
  EXPECT_EQ(LookAndWait(*cache_, {item_.key}), Ids{item_.id});
}

TEST_F(RedisSeenCacheLiveTest, AFlushCostsOnlyKnowledge) {
  Open();
  ASSERT_TRUE(Fill({item_}));
  server_.Run({"FLUSHALL"});
  EXPECT_EQ(LookAndWait(*cache_, {item_.key}), kUnknown);
  EXPECT_TRUE(Fill({item_}));
  EXPECT_EQ(cache_->Statistics().mac_failures, 0u);
}

TEST_F(RedisSeenCacheLiveTest, ADeadServerCostsNothingAndComesBack) {
  Open();
  ASSERT_TRUE(Fill({item_}));
  server_.Kill();
  ASSERT_TRUE(Eventually([&] { return cache_->Statistics().nodes_ready == 0; }));
  std::vector<Duration> times;
  for (int i = 0; i < 101; ++i) times.push_back(TimeOfAMiss(item_.key));
  std::ranges::nth_element(times, times.begin() + 50);
  EXPECT_LE(times[50], milliseconds(1));
  EXPECT_GE(cache_->Statistics().errors, 101u);
  server_.Restart();
  EXPECT_TRUE(Fill({item_}));
}

TEST_F(RedisSeenCacheLiveTest, AStoppedServerCostsTheDeadlineAFewTimesAndThenNothing) {
  RedisSeenCacheOptions options = OptionsFor({server_.endpoint().ToString()});
  Open(options);
  ASSERT_TRUE(Fill({item_}));
  server_.Pause();
  const std::uint64_t before = cache_->Statistics().timeouts;
  std::vector<Duration> times;
  for (int i = 0; i < 101; ++i) times.push_back(TimeOfAMiss(item_.key));
  const auto slow = std::ranges::count_if(
      times, [](Duration time) { return time >= kLiveDeadline - milliseconds(5); });
  EXPECT_GE(slow, 1);  // and what was being filled in when the server stopped counts, too
  EXPECT_LE(slow, 3);
  std::ranges::nth_element(times, times.begin() + 50);
  EXPECT_LE(times[50], milliseconds(1));
  EXPECT_LE(cache_->Statistics().timeouts, before + 6);
  server_.Resume();
  EXPECT_TRUE(Eventually([&] { return LookAndWait(*cache_, {item_.key}) == Ids{item_.id}; }));
}

TEST_F(RedisSeenCacheLiveTest, APausedServerIsWaitedForNoLongerThanTheDeadline) {
  RedisSeenCacheOptions options = OptionsFor({server_.endpoint().ToString()});
  options.deadline = milliseconds(20);
  Open(options);
  ASSERT_TRUE(Eventually([&] {
    cache_->Fill(std::span(&item_, 1));
    return LookAndWait(*cache_, {item_.key}) == Ids{item_.id};
  }));
  server_.Run({"CLIENT", "PAUSE", "600"});
  std::vector<Duration> times;
  const Instant end = clock_.Now() + milliseconds(400);
  while (clock_.Now() < end) times.push_back(TimeOfAMiss(item_.key));
  EXPECT_GE(std::ranges::max(times), milliseconds(19));
  EXPECT_LE(cache_->Statistics().timeouts, 8u);
  EXPECT_TRUE(Eventually([&] { return LookAndWait(*cache_, {item_.key}) == Ids{item_.id}; }));
}

TEST_F(RedisSeenCacheLiveTest, OneDeadServerOfThreeTakesOnlyItsOwnKeys) {
  RedisFleet fleet(3);
  Open(OptionsFor(fleet.Addresses(3)));
  const std::vector<SeenItem> items = SeenItemsOf("item", 300);
  ASSERT_TRUE(Fill(items));
  const auto lost = static_cast<std::ptrdiff_t>(std::stoll(fleet[1].Run({"DBSIZE"})));
  EXPECT_GE(lost, 60);
  fleet[1].Kill();
  ASSERT_TRUE(Eventually([&] { return cache_->Statistics().nodes_ready == 2; }));
  EXPECT_TRUE(Eventually([&] {
    return std::ranges::count_if(LookAndWait(*cache_, KeysOf(items)),
                                 [](const auto& id) { return !id; }) == lost;
  }));
}

TEST_F(RedisSeenCacheLiveTest, AllDeadOrNeverThereAnswersAtOnce) {
  const DeadPort dead;
  const BlackHole hole;
  const auto cache =
      RedisSeenCache::Make(OptionsFor({dead.endpoint().ToString(), hole.endpoint().ToString()}));
  ASSERT_TRUE(cache);
  const std::vector<SeenItem> items = SeenItemsOf("item", 100);
  (*cache)->Fill(items);
  EXPECT_THAT(LookAndWait(**cache, KeysOf(items)), Each(std::nullopt));
  EXPECT_EQ((*cache)->Statistics().nodes_ready, 0u);
  EXPECT_TRUE(Eventually([&] { return (*cache)->Statistics().fills_lost == 100; }));
}

TEST_F(RedisSeenCacheLiveTest, AFullServerEvictsOrRefusesAndNothingElseHappens) {
  RedisSeenCacheOptions options = OptionsFor({server_.endpoint().ToString()});
  options.deadline = std::chrono::seconds(30);  // what is lost is refused, and not late
  Open(options);
  const std::vector<SeenItem> items = SeenItemsOf("item", 30'000);
  server_.Run({"CONFIG", "SET", "maxmemory", "4mb"});
  server_.Run({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  cache_->Fill(items);
  ASSERT_TRUE(
      Eventually([&] { return !server_.Run({"INFO", "stats"}).contains("evicted_keys:0\r"); }));
  EXPECT_TRUE(Fill({item_}));
  const Ids found = LookAndWait(*cache_, KeysOf(items));
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_TRUE(!found[i] || *found[i] == items[i].id);
  EXPECT_EQ(cache_->Statistics().mac_failures, 0u);
  EXPECT_EQ(cache_->Statistics().fills_lost, 0u);
  server_.Run({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  server_.Run({"CONFIG", "SET", "maxmemory", "1mb"});
  const Ids kept = LookAndWait(*cache_, KeysOf(items));  // nothing is evicted any more
  EXPECT_TRUE(std::ranges::any_of(kept, [](const auto& id) { return id.has_value(); }));
  cache_->Fill(items);
  EXPECT_TRUE(Eventually([&] { return cache_->Statistics().fills_lost == items.size(); }));
  EXPECT_EQ(LookAndWait(*cache_, KeysOf(items)), kept);
}

TEST_F(RedisSeenCacheLiveTest, NeedsFourCommandsOnItsKeysAndLivesWithoutThem) {
  const RedisServer guarded(
      {.acl = {"default on nopass ~* +@all", "gate on >secret ~seen:* +mget +mset +get +set"}});
  const std::string text = guarded.endpoint().ToString() + ",user=gate,password=secret";
  Open(OptionsFor({text}));
  ASSERT_TRUE(Fill({item_}));
  guarded.Run({"ACL", "SETUSER", "gate", "-mget"});
  EXPECT_EQ(LookAndWait(*cache_, {item_.key}), kUnknown);
  guarded.Run({"ACL", "SETUSER", "gate", "+mget", "off"});
  guarded.Run({"CLIENT", "KILL", "USER", "gate"});
  EXPECT_TRUE(Eventually([&] { return LookAndWait(*cache_, {item_.key}) == kUnknown; }));
  guarded.Run({"ACL", "SETUSER", "gate", "on"});
  EXPECT_TRUE(Fill({item_}));
}

TEST_F(RedisSeenCacheLiveTest, SpeaksTls) {
  const RedisCertificates certificates;
  const RedisServer secure({.tls = &certificates});
  Open(OptionsFor({"rediss://127.0.0.1:" + std::to_string(secure.port()) +
                   "?sslCaFile=" + certificates.ca_file()}));
  EXPECT_TRUE(Fill({item_}));
}

TEST_F(RedisSeenCacheLiveTest, FollowsThePrimaryOfASentinelGroup) {
  const RedisServer sentinel(
      {.sentinel = true,
       .lines = {"sentinel monitor main 127.0.0.1 " + std::to_string(server_.port()) + " 1"}});
  Open(OptionsFor({"redis+sentinel://" + sentinel.endpoint().ToString() + "/main"}));
  EXPECT_TRUE(Fill({item_}));
  EXPECT_EQ(server_.Run({"DBSIZE"}), "1");
}

TEST_F(RedisSeenCacheLiveTest, BeyondItsBoundsItDropsAndCounts) {
  server_.Pause();
  RedisSeenCacheOptions options = OptionsFor({server_.endpoint().ToString()});
  options.looks_max = 10;
  options.fills_max = 10;
  const auto cache = RedisSeenCache::Make(options);
  ASSERT_TRUE(cache);
  const std::vector<SeenItem> items = SeenItemsOf("item", 11);
  EXPECT_THAT(LookAndWait(**cache, KeysOf(items)), Each(std::nullopt));
  (*cache)->Fill(items);
  const SeenCacheStatistics told = (*cache)->Statistics();
  EXPECT_EQ(told.errors, 11u);
  EXPECT_GE(told.fills_lost, 1u);
  server_.Resume();
}

TEST_F(RedisSeenCacheLiveTest, ItsEndAnswersWhoeverWaits) {
  RedisSeenCacheOptions options = OptionsFor({server_.endpoint().ToString()});
  options.deadline = std::chrono::seconds(100);
  Open(options);
  server_.Pause();
  std::vector<int> answered(50, 0);
  for (int& count : answered)
    cache_->Look({item_.key}, [&count](const Ids& found) {
      EXPECT_EQ(found, kUnknown);
      ++count;
    });
  cache_.reset();
  EXPECT_THAT(answered, Each(1));
  server_.Resume();
}

}  // namespace
}  // namespace itemgate
