#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/content_guard.h"
#include "itemgate/service.h"
#include "testing/faulty_lock.h"
#include "testing/manual_executor.h"
#include "testing/memory_seen_cache.h"
#include "testing/scripted_store.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using Mode = FaultyLock::Mode;

ContentKey KeyOf(std::string_view content) { return MakeContentKey({}, content).value(); }
std::string LockOf(std::string_view content) { return ContentGuard::NameOf(KeyOf(content)); }

/// A backend that has what it is given, once End is called. One thread.
class HeldBackend final : public ItemBackend {
 public:
  void SaveItem(const BackendItem&, SaveDone done) override { held_.push_back(std::move(done)); }
  void FindItemsWithContent(const ContentKey&, std::string_view, FindDone done) override {
    done(0);
  }
  void End() {
    SaveDone done = std::move(held_.back());
    held_.pop_back();
    done({});
  }
  [[nodiscard]] std::size_t held_count() const { return held_.size(); }

 private:
  std::vector<SaveDone> held_;
};

/// A cache that answers for no key at all.
class BrokenCache final : public SeenCache {
 public:
  void Look(std::vector<ContentKey>, Found found) override { found({}); }
  void Fill(std::span<const SeenItem>) override {}
  [[nodiscard]] SeenCacheStatistics Statistics() const override { return {}; }
};

class SaveWayTest : public testing::Test {
 protected:
  ~SaveWayTest() override { committer_.RunUntilIdle(); }

  ItemIntegrationService& service() {
    if (!service_)
      service_ = std::make_unique<ItemIntegrationService>(ServiceParts{.store = store_,
                                                                       .backend = backend_,
                                                                       .clock = clock_,
                                                                       .executor = executor_,
                                                                       .committer = committer_,
                                                                       .seed = 1,
                                                                       .on_saved = {},
                                                                       .seen_cache = seen_cache_,
                                                                       .lock = lock_},
                                                          options_);
    return *service_;
  }
  /// A second server of the same store starts with empty tables.
  void Restart() { service_.reset(); }

  void Send(std::vector<std::string> contents) {
    service().SaveItemsAsync(std::move(contents), {}, [this](std::vector<SaveResult> results) {
      for (SaveResult& result : results) answers_.push_back(std::move(result));
    });
    Run();
  }
  void Run() {
    while (committer_.RunOne() || executor_.RunOne()) {
    }
  }
  void Advance(Duration time) {
    executor_.Advance(time);
    Run();
  }
  [[nodiscard]] std::vector<std::uint64_t> Ids() const {
    std::vector<std::uint64_t> ids;
    for (const SaveResult& answer : answers_) ids.push_back(answer.id.value);
    return ids;
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
  ManualExecutor committer_{clock_};
  ScriptedStore store_;
  MemorySeenCache memory_;
  FaultyLock works_{Mode::kWorks};
  HeldBackend held_;
  ServiceOptions options_{.near_cache_keys = 1000};
  ItemBackend* backend_ = nullptr;
  SeenCache* seen_cache_ = nullptr;
  ContentLock* lock_ = nullptr;
  std::vector<SaveResult> answers_;
  std::unique_ptr<ItemIntegrationService> service_;
};

class SeenCacheTest : public SaveWayTest {
 protected:
  SeenCacheTest() { seen_cache_ = &memory_; }
};

TEST_F(SeenCacheTest, WhatAnotherServerSavedIsAnsweredWithoutTheStore) {
  Send({"a"});
  Restart();
  Send({"a"});
  EXPECT_EQ(answers_[1].outcome, Outcome::kDuplicate);
  EXPECT_EQ(answers_[1].id, answers_[0].id);
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(1));
  Send({"a"});  // now this process knows it, too
  EXPECT_EQ(memory_.Statistics().looks, 2U);
  EXPECT_EQ(executor_.waiting_count(), 0U);
}

TEST_F(SeenCacheTest, IsNotAskedAboutAStoreThatLostItems) {
  Send({"a"});
  Restart();
  store_.EndByLoss();
  Send({"a"});
  EXPECT_EQ(answers_[1].outcome, Outcome::kUnavailable);
  EXPECT_EQ(memory_.Statistics().looks, 1U);
}

TEST_F(SeenCacheTest, ACallLooksOnceForAllThatIsNewInIt) {
  Send({"a", "b"});
  Restart();
  memory_.Hold();
  Send({"a", "c", "b", "d", "c"});
  EXPECT_EQ(memory_.waiting_count(), 1U);
  memory_.Release();
  Run();
  EXPECT_THAT(Ids(), ElementsAre(1, 2, 1, 3, 2, 4, 3));
  EXPECT_EQ(memory_.Statistics().looks, 6U);
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(2, 2));
  EXPECT_EQ(memory_.Statistics().fills, 4U);
}

TEST_F(SeenCacheTest, ABlockingCallerIsAnsweredFromItToo) {
  memory_.Fill(std::vector{SeenItem{.key = KeyOf("a"), .id = ItemId{7}}});
  EXPECT_EQ(service().SaveItem("a").id, ItemId{7});
  const std::vector<std::string_view> both = {"a", "a"};
  EXPECT_EQ(service().SaveItems(both)[1].id, ItemId{7});
}

TEST_F(SeenCacheTest, IsToldOnlyWhatIsDurable) {
  store_.Hold();
  Send({"a"});
  EXPECT_EQ(memory_.Statistics().fills, 0U);
  store_.Release();
  EXPECT_EQ(memory_.Statistics().fills, 1U);
  store_.FailNext(Error(ErrorCode::kUnknown, "no answer"));
  Send({"b"});
  store_.Release();
  EXPECT_EQ(memory_.Statistics().fills, 1U);
}

TEST_F(SeenCacheTest, LearnsWhatOnlyTheStoreKnew) {
  Send({"a"});
  memory_.Forget();
  Restart();
  Send({"a"});
  EXPECT_EQ(answers_[1].outcome, Outcome::kDuplicate);
  EXPECT_EQ(memory_.Statistics().fills, 2U);
}

TEST_F(SeenCacheTest, OneThatIsSlowHoldsASaveUpForABoundedTimeOnly) {
  memory_.Hold();
  Send({"a", "b"});
  Advance(19ms);
  EXPECT_TRUE(answers_.empty());
  Advance(1ms);
  EXPECT_THAT(Ids(), ElementsAre(1, 2));
  memory_.Release();  // the late answer is dropped
  EXPECT_EQ(service().Statistics().in_flight, 0U);
}

TEST_F(SeenCacheTest, OneThatGivesNoAnswersKnowsNothing) {
  BrokenCache broken;
  seen_cache_ = &broken;
  Send({"a", "b"});
  EXPECT_THAT(Ids(), ElementsAre(1, 2));
  service_.reset();  // before the cache
}

TEST_F(SeenCacheTest, ABackendIsNotAskedForWhatIsKnown) {
  backend_ = &held_;
  memory_.Fill(std::vector{SeenItem{.key = KeyOf("a"), .id = ItemId{7}}});
  Send({"a", "b"});
  EXPECT_EQ(held_.held_count(), 1U);
  held_.End();
  Run();
  EXPECT_THAT(Ids(), ElementsAre(7, 1));
  EXPECT_EQ(memory_.Statistics().fills, 2U);
}

TEST_F(SeenCacheTest, WhoeverJoinedASaveThatFailedSavesAndTellsTheCache) {
  store_.Hold();
  store_.FailNext(Error(ErrorCode::kStorageFull, "no space left"));
  Send({"a"});
  Send({"a"});
  store_.Release();
  Run();
  store_.Release();
  EXPECT_EQ(answers_[0].outcome, Outcome::kFailed);
  EXPECT_EQ(answers_[1].outcome, Outcome::kCreated);
  EXPECT_EQ(memory_.Statistics().fills, 1U);
}

class LockTest : public SaveWayTest {
 protected:
  LockTest() { lock_ = &works_; }
  void UseAlways() { options_.lock_use = LockUse::kAlways; }
};

TEST_F(LockTest, IsNotUsedWhereItSavesNoWork) {
  Send({"a"});
  backend_ = &held_;
  options_.lock_use = LockUse::kNone;
  Restart();
  Send({"b"});
  held_.End();
  EXPECT_TRUE(works_.asked().empty());
}

TEST_F(LockTest, IsHeldWhileTheBackendWorksAndFreeAfterwards) {
  backend_ = &held_;
  Send({"a"});
  EXPECT_EQ(works_.held_count(), 1U);
  held_.End();
  Run();
  EXPECT_THAT(Ids(), ElementsAre(1));
  EXPECT_EQ(works_.held_count(), 0U);
  EXPECT_EQ(service().Statistics().lock.acquired, 1U);
}

TEST_F(LockTest, ABatchIsLockedTogetherAndInsertedTogether) {
  UseAlways();
  store_.Hold();
  Send({"a", "b", "a", "c"});
  EXPECT_EQ(works_.held_count(), 3U);
  store_.Release();
  EXPECT_THAT(Ids(), ElementsAre(1, 2, 1, 3));
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(3));
  EXPECT_EQ(works_.held_count(), 0U);
}

TEST_F(LockTest, AContentThatAnotherServerHasInHandHoldsNoOtherUp) {
  UseAlways();
  works_.Hold(LockOf("b"));
  Send({"a", "b", "c"});
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(2));
  Advance(40ms);
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(2, 1));
  EXPECT_THAT(Ids(), ElementsAre(1, 3, 2));
  EXPECT_EQ(works_.asked().back(), std::pair(LockOf("b"), 20ms));
}

TEST_F(LockTest, WhoeverWaitedForAHolderFindsWhatItSavedInTheCache) {
  backend_ = &held_;
  seen_cache_ = &memory_;
  works_.Hold(LockOf("a"));
  Send({"a"});
  memory_.Fill(std::vector{SeenItem{.key = KeyOf("a"), .id = ItemId{7}}});
  EXPECT_TRUE(answers_.empty());
  works_.Free(LockOf("a"));
  EXPECT_THAT(Ids(), ElementsAre(7));
  EXPECT_EQ(held_.held_count(), 0U);
  EXPECT_EQ(works_.asked().back().second, 1000ms);
}

TEST_F(LockTest, ALostLeaseStopsNothing) {
  UseAlways();
  works_.SetMode(Mode::kLoses);
  Send({"a", "b"});
  EXPECT_THAT(Ids(), ElementsAre(1, 2));
  EXPECT_EQ(service().Statistics().lock.lost, 2U);
}

TEST_F(LockTest, OneThatHangsHoldsASaveUpForABoundedTimeAndThenNobody) {
  UseAlways();
  works_.SetMode(Mode::kHangs);
  for (const char* content : {"a", "b", "c"}) {
    Send({content});
    Advance(20ms);
  }
  EXPECT_THAT(Ids(), ElementsAre(1, 2, 3));
  Send({"d"});
  EXPECT_THAT(Ids(), ElementsAre(1, 2, 3, 4));
  works_.AnswerLate();
  EXPECT_EQ(works_.held_count(), 0U);
}

TEST_F(LockTest, IsGivenBackWhenTheSaveFails) {
  backend_ = &held_;
  store_.FailNext(Error(ErrorCode::kUnavailable, "away"));
  Send({"a"});
  held_.End();
  Run();
  EXPECT_EQ(answers_.front().outcome, Outcome::kUnknown);
  EXPECT_EQ(works_.held_count(), 0U);
}

}  // namespace
}  // namespace itemgate
