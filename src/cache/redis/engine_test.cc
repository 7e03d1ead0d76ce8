#include "cache/redis/engine.h"

#include <map>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/manual_executor.h"
#include "testing/seen_cache_conformance.h"

namespace itemgate::seen {
namespace {

using testing::ElementsAre;
using Ids = std::vector<std::optional<ItemId>>;

/// Keeps what it is told, and answers when the test says so.
class FakeShard final : public Shard {
 public:
  struct Asked {
    std::vector<Name> names;
    std::shared_ptr<LookAnswers> answers;
  };

  explicit FakeShard(FillLosses& losses) : losses_(losses) {}

  /// The oldest question; it is the test's to answer.
  Asked Take() {
    Asked taken = std::move(asked_.at(0));
    asked_.erase(asked_.begin());
    return taken;
  }
  /// Answers all questions with what is there.
  void AnswerAll() {
    while (!asked_.empty()) {
      const Asked asked = Take();
      std::vector<std::string_view> values;
      for (const Name& name : asked.names) values.emplace_back(entries[std::string(name.view())]);
      asked.answers->Came(0, values);
    }
  }
  void Refuse() { is_full_ = true; }
  [[nodiscard]] std::vector<std::size_t> AskedSizes() const {
    std::vector<std::size_t> sizes;
    for (const Asked& asked : asked_) sizes.push_back(asked.names.size());
    return sizes;
  }

  void Start() override { is_ready_ = true; }
  void Stop() override {
    for (const Asked& asked : std::exchange(asked_, {}))
      asked.answers->Failed(0, asked.names.size());
  }
  void Look(std::span<const Name> names, std::shared_ptr<LookAnswers> answers) override {
    asked_.push_back({{names.begin(), names.end()}, std::move(answers)});
  }
  void Fill(std::span<const Entry> told) override {
    fill_sizes.push_back(told.size());
    if (is_full_) return losses_.Lost(told.size());
    for (const Entry& entry : told)
      entries[std::string(entry.name.view())] = std::string(entry.value.view());
  }
  [[nodiscard]] bool is_ready() const override { return is_ready_; }

  std::map<std::string, std::string> entries;
  std::vector<std::size_t> fill_sizes;

 private:
  FillLosses& losses_;
  std::vector<Asked> asked_;
  bool is_full_ = false;
  bool is_ready_ = false;
};

class SeenEngineTest : public testing::Test {
 protected:
  void Make(std::size_t count) {
    std::vector<std::unique_ptr<Shard>> shards;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
      auto shard = std::make_unique<FakeShard>(engine_);
      shards_.push_back(shard.get());
      shards.push_back(std::move(shard));
      names.push_back("node" + std::to_string(i) + ":6379");
    }
    engine_.SetShards(std::move(shards), std::move(names));
    engine_.Start();
  }
  /// Asks; the answer is appended to answers_ when it comes.
  void Look(std::vector<ContentKey> keys) {
    std::vector<LookRequest> requests;
    requests.push_back(Request(std::move(keys)));
    engine_.Look(std::move(requests));
  }
  LookRequest Request(std::vector<ContentKey> keys) {
    return {.keys = std::move(keys), .found = [this](Ids ids) { answers_.push_back(ids); }};
  }
  void AnswerAll() {
    for (FakeShard* shard : shards_) shard->AnswerAll();
  }

  ManualClock clock_;
  Counters counters_;
  Engine engine_{{.clock = clock_, .counters = counters_}, Secret{}, 1};
  std::vector<FakeShard*> shards_;
  std::vector<Ids> answers_;
};

TEST_F(SeenEngineTest, SpreadsKeysEvenlyAndFindsThemAgain) {
  Make(5);
  const std::vector<SeenItem> items = SeenItemsOf("item", 5000);
  engine_.Fill(items);
  for (const FakeShard* shard : shards_)
    EXPECT_NEAR(static_cast<double>(shard->entries.size()), 1000, 120);
  Look(KeysOf(items));
  AnswerAll();
  ASSERT_EQ(answers_.size(), 1u);
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(answers_[0][i], items[i].id);
  EXPECT_EQ(counters_.Read().hits, 5000u);
}

TEST_F(SeenEngineTest, WhatIsAskedTogetherIsOneQuestion) {
  Make(1);
  std::vector<LookRequest> requests;
  for (const char* content : {"a", "b", "c"}) requests.push_back(Request({SeenKeyOf(content)}));
  engine_.Look(std::move(requests));
  EXPECT_THAT(shards_[0]->AskedSizes(), ElementsAre(3));
  AnswerAll();
  EXPECT_EQ(answers_.size(), 3u);
}

TEST_F(SeenEngineTest, QuestionsAndFillsAreCutIntoPieces) {
  Make(1);
  const std::vector<SeenItem> items = SeenItemsOf("item", 1100);
  engine_.Fill(items);
  EXPECT_THAT(shards_[0]->fill_sizes, ElementsAre(512, 512, 76));
  Look(KeysOf(items));
  EXPECT_THAT(shards_[0]->AskedSizes(), ElementsAre(512, 512, 76));
}

TEST_F(SeenEngineTest, ARequestIsAnsweredWhenTheLastOfItsNodesHas) {
  Make(2);
  const std::vector<SeenItem> items = SeenItemsOf("item", 20);
  engine_.Fill(items);
  Look(KeysOf(items));
  shards_[0]->AnswerAll();
  EXPECT_TRUE(answers_.empty());
  const FakeShard::Asked asked = shards_[1]->Take();
  asked.answers->TimedOut(0, asked.names.size());
  ASSERT_EQ(answers_.size(), 1u);
  std::size_t known = 0;
  for (const auto& id : answers_[0]) known += id ? 1 : 0;
  EXPECT_EQ(known, 20 - asked.names.size());
  EXPECT_EQ(counters_.Read().timeouts, asked.names.size());
  EXPECT_EQ(counters_.Read().hits, known);
}

TEST_F(SeenEngineTest, AnswersMayComeInPiecesAndInAnyOrder) {
  Make(1);
  const std::vector<SeenItem> items = SeenItemsOf("item", 3);
  engine_.Fill(items);
  Look(KeysOf(items));
  const FakeShard::Asked asked = shards_[0]->Take();
  const std::string_view last = shards_[0]->entries[std::string(asked.names[2].view())];
  const std::string_view first = shards_[0]->entries[std::string(asked.names[0].view())];
  asked.answers->Came(2, std::span(&last, 1));
  asked.answers->Failed(1, 1);
  asked.answers->Came(0, std::span(&first, 1));
  EXPECT_THAT(answers_, ElementsAre(Ids{ItemId{1}, std::nullopt, ItemId{3}}));
  EXPECT_EQ(counters_.Read().errors, 1u);
}

TEST_F(SeenEngineTest, AForgedOrCopiedValueIsAMissAndCounted) {
  Make(1);
  engine_.Fill(SeenItemsOf("item", 2));
  auto& entries = shards_[0]->entries;
  std::swap(entries.begin()->second, std::next(entries.begin())->second);
  Look(KeysOf(SeenItemsOf("item", 2)));
  AnswerAll();
  entries.begin()->second = "anything";
  Look(KeysOf(SeenItemsOf("item", 1)));
  AnswerAll();
  for (const Ids& ids : answers_) EXPECT_THAT(ids, testing::Each(std::nullopt));
  const SeenCacheStatistics told = counters_.Read();
  EXPECT_EQ(told.mac_failures, 3u);
  EXPECT_EQ(told.hits, 0u);
  EXPECT_EQ(told.misses, 0u);
}

TEST_F(SeenEngineTest, StopAnswersWhoeverWaits) {
  Make(3);
  Look(KeysOf(SeenItemsOf("item", 10)));
  engine_.Stop();
  EXPECT_THAT(answers_, ElementsAre(Ids(10)));
  EXPECT_EQ(counters_.Read().errors, 10u);
}

TEST_F(SeenEngineTest, CountsLossesNodesAndTheRoundTrip) {
  Make(2);
  shards_[0]->Refuse();
  engine_.Fill(SeenItemsOf("item", 100));
  Look({SeenKeyOf("a")});
  clock_.Set(Instant(std::chrono::microseconds(150)));
  AnswerAll();
  const SeenCacheStatistics told = counters_.Read();
  EXPECT_EQ(told.fills_lost, shards_[0]->fill_sizes.at(0));
  EXPECT_EQ(told.nodes, 2u);
  EXPECT_EQ(told.nodes_ready, 2u);
  EXPECT_EQ(told.round_trip, std::chrono::microseconds(150));
  EXPECT_EQ(told.misses, 1u);
}

}  // namespace
}  // namespace itemgate::seen
