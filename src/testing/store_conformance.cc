#include "testing/store_conformance.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace itemgate {

namespace {

std::vector<std::uint64_t> IdsOf(const std::vector<Item>& items) {
  std::vector<std::uint64_t> ids;
  for (const Item& item : items) ids.push_back(item.id.value);
  return ids;
}

TEST_P(StoreConformance, GivesDenseIdsInTheOrderOfTheBatch) {
  std::vector<Insertion> batch = {InsertionOf("a"), InsertionOf("b"), InsertionOf("c")};
  ASSERT_TRUE(InsertAll(store(), batch));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    EXPECT_TRUE(batch[i].created);
    EXPECT_EQ(batch[i].id, ItemId{i + 1});
  }
}

TEST_P(StoreConformance, AnswersARepeatWithTheFirstIdAndUsesUpNone) {
  EXPECT_EQ(InsertOne(store(), "a").id, ItemId{1});
  const Insertion repeat = InsertOne(store(), "a");
  EXPECT_FALSE(repeat.created);
  EXPECT_EQ(repeat.id, ItemId{1});
  EXPECT_EQ(InsertOne(store(), "b").id, ItemId{2});
}

TEST_P(StoreConformance, MakesOneItemOfEqualKeysWithinABatch) {
  std::vector<Insertion> batch = {InsertionOf("a"), InsertionOf("a"), InsertionOf("b")};
  ASSERT_TRUE(InsertAll(store(), batch));
  EXPECT_TRUE(batch[0].created);
  EXPECT_FALSE(batch[1].created);
  EXPECT_EQ(batch[1].id, batch[0].id);
  EXPECT_EQ(batch[2].id, ItemId{2});
}

TEST_P(StoreConformance, KeepsScopesApart) {
  const Scope other = Scope::Named("other").value();
  EXPECT_TRUE(InsertOne(store(), "a").created);
  EXPECT_TRUE(InsertOne(store(), "a", other).created);
  EXPECT_FALSE(InsertOne(store(), "a", other).created);
  EXPECT_EQ(store().Get(ItemId{2})->key.scope, other);
}

TEST_P(StoreConformance, GivesBackEveryByte) {
  std::string content("\0\xff\r\n", 4);
  content.append(3 << 20, 'x');
  const Insertion saved = InsertOne(store(), content);
  const Result<Item> item = store().Get(saved.id);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->content, content);
  EXPECT_EQ(item->media_type, "text/plain");
  EXPECT_EQ(item->key, saved.key);
  EXPECT_EQ(item->id, saved.id);
}

TEST_P(StoreConformance, KeepsTheFirstSpellingOfCanonicallyEqualContents) {
  const Scope json = Scope::Named("feed+json").value();
  EXPECT_TRUE(InsertOne(store(), R"({"b": 1, "a": 2})", json).created);
  EXPECT_FALSE(InsertOne(store(), R"({"a":2,"b":1})", json).created);
  EXPECT_EQ(store().Get(ItemId{1})->content, R"({"b": 1, "a": 2})");
}

TEST_P(StoreConformance, SaysThatAnItemIsAbsent) {
  InsertOne(store(), "a");
  for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{2}, ~std::uint64_t{0}}) {
    const Result<Item> item = store().Get(ItemId{id});
    ASSERT_FALSE(item);
    EXPECT_EQ(item.error().code, ErrorCode::kNotFound);
  }
}

TEST_P(StoreConformance, FindsWhatIsThereAndOnlyThat) {
  const Insertion a = InsertOne(store(), "a");
  const Insertion b = InsertOne(store(), "b");
  const std::vector keys = {b.key, InsertionOf("absent").key, a.key};
  const auto found = store().Find(keys);
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, (std::vector<std::optional<ItemId>>{b.id, std::nullopt, a.id}));
}

TEST_P(StoreConformance, FindsByDigestAndScopeAlone) {
  const Insertion a = InsertOne(store(), "a");
  const std::vector keys = {ContentKey{.digest = a.key.digest}};
  const auto found = store().Find(keys);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->front(), a.id);
}

TEST_P(StoreConformance, ListsInPagesInIdOrder) {
  for (const char* content : {"a", "b", "c", "d", "e"}) InsertOne(store(), content);
  EXPECT_THAT(IdsOf(*store().List({}, {.items_max = 2})), testing::ElementsAre(1, 2));
  EXPECT_THAT(IdsOf(*store().List(ItemId{2}, {.items_max = 2})), testing::ElementsAre(3, 4));
  EXPECT_THAT(IdsOf(*store().List(ItemId{4}, {.items_max = 2})), testing::ElementsAre(5));
  EXPECT_THAT(IdsOf(*store().List(ItemId{5}, {.items_max = 2})), testing::IsEmpty());
}

TEST_P(StoreConformance, APageHoldsOneItemHoweverSmallItsLimits) {
  InsertOne(store(), "longer than three bytes");
  InsertOne(store(), "b");
  EXPECT_THAT(IdsOf(*store().List({}, {.items_max = 10, .content_bytes_max = 3})),
              testing::ElementsAre(1));
}

TEST_P(StoreConformance, AnyPageLimitsAndAnyStartAreFine) {
  for (const char* content : {"a", "b", "c"}) InsertOne(store(), content);
  constexpr std::size_t kAll = ~std::size_t{0};
  EXPECT_THAT(IdsOf(*store().List({}, {.items_max = kAll, .content_bytes_max = kAll})),
              testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(IdsOf(*store().List({}, {.items_max = 0, .content_bytes_max = 0})),
              testing::ElementsAre(1));
  EXPECT_THAT(IdsOf(*store().List(ItemId{~std::uint64_t{0}}, {})), testing::IsEmpty());
}

TEST_P(StoreConformance, AnEmptyStoreListsNothing) {
  EXPECT_THAT(*store().List({}, {}), testing::IsEmpty());
  EXPECT_EQ(store().Statistics().items, 0U);
}

TEST_P(StoreConformance, SavesEachContentOnceUnderConcurrentInsertion) {
  constexpr int kThreads = 4;
  constexpr int kContents = 400;
  std::atomic<int> created = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kContents; ++i) {
          const std::string content = "item " + std::to_string((i * 7 + t * 13) % kContents);
          if (InsertOne(store(), content).created) ++created;
        }
      });
    }
  }
  EXPECT_EQ(created, kContents);
  EXPECT_EQ(store().Statistics().items, static_cast<std::uint64_t>(kContents));
  const auto all = store().List({}, {.items_max = 2 * kContents});
  ASSERT_EQ(all->size(), static_cast<std::size_t>(kContents));
  for (std::size_t i = 0; i < all->size(); ++i) EXPECT_EQ((*all)[i].id.value, i + 1);
}

}  // namespace
}  // namespace itemgate
