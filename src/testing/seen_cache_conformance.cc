#include "testing/seen_cache_conformance.h"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "base/clock.h"

namespace itemgate {
namespace {

constexpr std::chrono::minutes kPatience{1};

using Ids = std::vector<std::optional<ItemId>>;

TEST_P(SeenCacheConformance, KnowsNothingAtFirst) {
  EXPECT_EQ(LookAndWait(cache(), {SeenKeyOf("a"), SeenKeyOf("b")}),
            (Ids{std::nullopt, std::nullopt}));
}

TEST_P(SeenCacheConformance, AnswersTheQuestionForNothing) {
  EXPECT_EQ(LookAndWait(cache(), {}), Ids{});
}

TEST_P(SeenCacheConformance, KnowsWhatItWasToldInTheOrderOfTheKeys) {
  ASSERT_TRUE(FillUntilKnown(cache(), {{SeenKeyOf("a"), ItemId{7}}, {SeenKeyOf("b"), ItemId{9}}}));
  EXPECT_EQ(
      LookAndWait(cache(), {SeenKeyOf("b"), SeenKeyOf("absent"), SeenKeyOf("a"), SeenKeyOf("b")}),
      (Ids{ItemId{9}, std::nullopt, ItemId{7}, ItemId{9}}));
}

TEST_P(SeenCacheConformance, GivesBackEveryBitOfAnId) {
  const ItemId highest{~std::uint64_t{0}};
  ASSERT_TRUE(FillUntilKnown(cache(), {{SeenKeyOf("a"), highest}}));
  EXPECT_EQ(LookAndWait(cache(), {SeenKeyOf("a")}), Ids{highest});
}

TEST_P(SeenCacheConformance, KeepsScopesApart) {
  const Scope other = Scope::Named("other").value();
  ASSERT_TRUE(
      FillUntilKnown(cache(), {{SeenKeyOf("a"), ItemId{1}}, {SeenKeyOf("a", other), ItemId{2}}}));
  EXPECT_EQ(LookAndWait(cache(), {SeenKeyOf("a", other), SeenKeyOf("a"),
                                  SeenKeyOf("a", Scope::Named("third").value())}),
            (Ids{ItemId{2}, ItemId{1}, std::nullopt}));
}

TEST_P(SeenCacheConformance, TheLengthIsNoPartOfTheKey) {
  ASSERT_TRUE(FillUntilKnown(cache(), {{SeenKeyOf("abc"), ItemId{3}}}));
  EXPECT_EQ(LookAndWait(cache(), {ContentKey{.digest = SeenKeyOf("abc").digest}}), Ids{ItemId{3}});
}

TEST_P(SeenCacheConformance, TakesThousandsAtOnce) {
  const std::vector<SeenItem> items = SeenItemsOf("many", 5000);
  ASSERT_TRUE(FillUntilKnown(cache(), items));
  const Ids found = LookAndWait(cache(), KeysOf(items));
  ASSERT_EQ(found.size(), items.size());
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(found[i], items[i].id);
}

TEST_P(SeenCacheConformance, AnswersEachOfManyThreadsOnceAndItsNumbersAddUp) {
  const std::vector<SeenItem> items = SeenItemsOf("known", 64);
  ASSERT_TRUE(FillUntilKnown(cache(), items));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t i = 0; i < 500; ++i) {
        const SeenItem& item = items[(i * 7 + static_cast<std::size_t>(thread)) % items.size()];
        const Ids found = LookAndWait(cache(), {item.key, SeenKeyOf("absent")});
        // What it does not know in time is no fault; another's id would be one.
        if (found.size() != 2 || found[1] || (found[0] && *found[0] != item.id)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const SeenCacheStatistics told = cache().Statistics();
  EXPECT_GE(told.looks, 8'000u);
  EXPECT_EQ(told.looks, told.hits + told.misses + told.mac_failures + told.timeouts + told.errors +
                            told.skipped);
  EXPECT_GE(told.hits, 3'000u);
  EXPECT_EQ(told.mac_failures, 0u);
  EXPECT_GE(told.fills, 64u);
  EXPECT_GE(told.nodes, 1u);
  EXPECT_EQ(told.nodes_ready, told.nodes);
}

}  // namespace

ContentKey SeenKeyOf(std::string_view content, Scope scope) {
  return MakeContentKey(scope, content).value();
}

std::vector<SeenItem> SeenItemsOf(std::string_view prefix, std::size_t count) {
  std::vector<SeenItem> items;
  for (std::size_t i = 1; i <= count; ++i)
    items.push_back({SeenKeyOf(std::string(prefix) + " " + std::to_string(i)), ItemId{i}});
  return items;
}

std::vector<ContentKey> KeysOf(const std::vector<SeenItem>& items) {
  std::vector<ContentKey> keys;
  for (const SeenItem& item : items) keys.push_back(item.key);
  return keys;
}

Ids LookAndWait(SeenCache& cache, std::vector<ContentKey> keys) {
  // With the callback, which may be called after this has given up.
  const auto answer = std::make_shared<std::promise<Ids>>();
  std::future<Ids> told = answer->get_future();
  cache.Look(std::move(keys), [answer](Ids found) { answer->set_value(std::move(found)); });
  if (told.wait_for(kPatience) == std::future_status::ready) return told.get();
  ADD_FAILURE() << "a look-up was not answered";
  return {};
}

bool FillUntilKnown(SeenCache& cache, const std::vector<SeenItem>& items) {
  const SystemClock clock;
  for (const Instant end = clock.Now() + kPatience; clock.Now() < end;) {
    cache.Fill(items);
    std::this_thread::yield();
    for (int i = 0; i < 20; ++i) {
      const Ids found = LookAndWait(cache, KeysOf(items));
      std::size_t known = 0;
      for (std::size_t j = 0; j < found.size(); ++j) known += found[j] == items[j].id ? 1 : 0;
      if (known == items.size()) return true;
    }
  }
  return false;
}

}  // namespace itemgate
