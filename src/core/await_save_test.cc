#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "itemgate/service.h"
#include "net/thread_executor.h"
#include "testing/manual_executor.h"
#include "testing/memory_claims.h"
#include "testing/scripted_store.h"

namespace itemgate {
namespace {

using std::chrono::seconds;

/// A service over a store that holds its insertions back until the test releases them.
class AwaitSaveTest : public testing::Test {
 protected:
  AwaitSaveTest() { store_.Hold(); }
  ~AwaitSaveTest() override { Run(); }

  void Run() {
    do {
      committer_.RunUntilIdle();
      executor_.RunUntilIdle();
      if (store_.waiting_count() > 0) store_.Release();
    } while (store_.waiting_count() > 0 || committer_.posted_count() > 0);
  }

  std::optional<SaveResult>& Send(std::string_view content, const SaveOptions& options = {}) {
    return Keep([&](auto done) { service_.SaveItemAsync(content, options, std::move(done)); });
  }
  std::optional<SaveResult>& Await(std::string_view content, seconds wait_max) {
    // As who knows no more than the digest.
    ContentKey key{.digest = MakeContentKey({}, content).value().digest};
    return Keep([&](auto done) { service_.AwaitSaveAsync(key, wait_max, std::move(done)); });
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
  ManualExecutor committer_{clock_};
  ScriptedStore store_;
  int saved_calls_ = 0;
  std::deque<std::optional<SaveResult>> answers_;
  ItemIntegrationService service_{{.store = store_,
                                   .backend = nullptr,
                                   .clock = clock_,
                                   .executor = executor_,
                                   .committer = committer_,
                                   .seed = 1,
                                   .on_saved = [this] { ++saved_calls_; }},
                                  {.near_cache_keys = 100}};

 private:
  template <typename Start>
  std::optional<SaveResult>& Keep(Start start) {
    std::optional<SaveResult>& answer = answers_.emplace_back();
    start([&answer](SaveResult result) {
      EXPECT_FALSE(answer) << "answered twice";
      answer = std::move(result);
    });
    return answer;
  }
};

TEST_F(AwaitSaveTest, AnswersAsTheSaveUnderWayEnds) {
  const auto& saved = Send("a");
  const auto& awaited = Await("a", seconds(10));
  EXPECT_FALSE(awaited);
  Run();
  EXPECT_EQ(saved->outcome, Outcome::kCreated);
  EXPECT_EQ(awaited->outcome, Outcome::kDuplicate);
  EXPECT_EQ(awaited->id, saved->id);
}

TEST_F(AwaitSaveTest, TellsHowItStandsAtOnceWhenItMayNotWait) {
  Send("a");
  EXPECT_EQ(Await("a", seconds(0))->outcome, Outcome::kInProgress);
  Run();
  EXPECT_EQ(Await("a", seconds(0))->outcome, Outcome::kDuplicate);
}

TEST_F(AwaitSaveTest, AnswersInProgressWhenTheWaitIsOver) {
  Send("a");
  const auto& awaited = Await("a", seconds(10));
  executor_.Advance(seconds(9));
  EXPECT_FALSE(awaited);
  executor_.Advance(seconds(1));
  EXPECT_EQ(awaited->outcome, Outcome::kInProgress);
}

TEST_F(AwaitSaveTest, EveryoneWhoWaitsCanBeAnsweredNowAndTheSavesGoOn) {
  const auto& saved = Send("a");
  const auto& joined = Send("a");
  const auto& awaited = Await("a", seconds(10));
  EXPECT_EQ(service_.StopWaiting(), 3U);
  for (const auto* answer : {&saved, &joined, &awaited})
    EXPECT_EQ((*answer)->outcome, Outcome::kInProgress);
  Run();
  EXPECT_EQ(service_.StopWaiting(), 0U);
  EXPECT_EQ(Send("a")->outcome, Outcome::kDuplicate);
}

TEST(StopWaiting, MayMeetCallsThatAreAboutToStart) {
  static constexpr int kSaves = 3000;
  const SystemClock clock;
  ThreadExecutor executor("executor", 1);
  ThreadExecutor committer("committer", 1);
  ScriptedStore store;
  std::atomic<int> answers = 0;
  {
    ItemIntegrationService service({.store = store,
                                    .backend = nullptr,
                                    .clock = clock,
                                    .executor = executor,
                                    .committer = committer,
                                    .seed = 1,
                                    .on_saved = {}},
                                   {});
    std::atomic<bool> sent = false;
    const std::jthread stopper([&] {
      while (!sent) service.StopWaiting();
    });
    for (int i = 0; i < kSaves; ++i)
      service.SaveItemAsync(std::to_string(i / 3), {}, [&](SaveResult) { ++answers; });
    sent = true;
  }
  EXPECT_EQ(answers, kSaves);
}

TEST_F(AwaitSaveTest, SaysThatThereIsNoSuchSave) {
  const auto& awaited = Await("never sent", seconds(10));
  ASSERT_TRUE(awaited);
  EXPECT_EQ(awaited->error->code, ErrorCode::kNotFound);
}

TEST(AwaitSaveOfAnotherServer, IsToldByItsClaim) {
  class NoBackend final : public ItemBackend {
    void SaveItem(const BackendItem&, SaveDone) override { FAIL() << "whoever asks saves nothing"; }
    void FindItemsWithContent(const ContentKey&, std::string_view, FindDone) override {
      FAIL() << "the claim says enough";
    }
  };
  ManualClock clock;
  ManualExecutor executor(clock);
  ScriptedStore store;
  NoBackend backend;
  MemoryClaims claims;
  ItemIntegrationService service({.store = store,
                                  .backend = &backend,
                                  .clock = clock,
                                  .executor = executor,
                                  .committer = executor,
                                  .seed = 1,
                                  .claims = &claims},
                                 {});
  const ContentKey key = MakeContentKey({}, "a").value();
  const auto outcome = [&] {
    std::optional<SaveResult> answer;
    service.AwaitSaveAsync(key, seconds(10),
                           [&](SaveResult result) { answer = std::move(result); });
    return answer.value();
  };
  EXPECT_EQ(outcome().error->code, ErrorCode::kNotFound);
  ClaimHolder holder;
  claims.Claim(key, 5, [&](const Result<ClaimState>& state) { holder = state->holder; });
  EXPECT_EQ(outcome().outcome, Outcome::kInProgress);
  claims.Park(key, holder, [](const Result<ClaimState>&) {});
  EXPECT_EQ(outcome().outcome, Outcome::kUnknown);
  EXPECT_EQ(outcome().error->code, ErrorCode::kParked);
  claims.Confirm(key, holder, "a", "", [](const Result<ClaimState>&) {});
  EXPECT_EQ(outcome().outcome, Outcome::kDuplicate);
  claims.FailNext(Error(ErrorCode::kUnavailable, "away"));
  EXPECT_EQ(outcome().outcome, Outcome::kUnavailable);
}

TEST_F(AwaitSaveTest, WhoOnlyWaitsIsToldOfTheFailureAndNeverBecomesTheOneThatSaves) {
  const auto& first = Send("a");
  const auto& awaited = Await("a", seconds(10));
  const auto& second = Send("a");
  store_.FailNext({ErrorCode::kStorageFull, "the disk is full"});
  Run();
  EXPECT_EQ(first->error->code, ErrorCode::kStorageFull);
  EXPECT_EQ(awaited->error->code, ErrorCode::kStorageFull);
  EXPECT_EQ(second->outcome, Outcome::kCreated);
}

TEST_F(AwaitSaveTest, AwaitingIsNoSaveInTheStatistics) {
  Send("a");
  Await("a", seconds(10));
  Run();
  EXPECT_EQ(service_.Statistics().created, 1U);
  EXPECT_EQ(service_.Statistics().duplicates, 0U);
  EXPECT_EQ(service_.Statistics().in_flight, 0U);
}

TEST_F(AwaitSaveTest, ListsWhatIsInFlightTheOldestFirst) {
  for (const char* content : {"a", "b", "c"}) {
    Send(content, {.sender = content});
    executor_.Advance(seconds(1));
  }
  Send("b", {.sender = "another"});
  const std::vector<InFlightSave> oldest = service_.InFlightSaves(2);
  ASSERT_EQ(oldest.size(), 2U);
  EXPECT_EQ(oldest[0].sender, "a");
  EXPECT_EQ(oldest[0].key, MakeContentKey({}, "a").value());
  EXPECT_EQ(oldest[1].sender, "b");
  EXPECT_EQ(oldest[1].waiters, 1U);
  EXPECT_EQ(oldest[1].since - oldest[0].since, seconds(1));
  EXPECT_TRUE(service_.InFlightSaves(0).empty());
  Run();
  EXPECT_TRUE(service_.InFlightSaves(10).empty());
}

TEST_F(AwaitSaveTest, TheListenerHearsOfNewItemsOnly) {
  Send("a");
  Run();
  Send("a");
  Run();
  EXPECT_EQ(saved_calls_, 1);
}

TEST_F(AwaitSaveTest, FindsIdsByDigestAlone) {
  Send("a");
  Run();
  const ContentKey keys[] = {{.digest = MakeContentKey({}, "a").value().digest}, {}};
  const auto ids = service_.FindIds(keys);
  ASSERT_TRUE(ids);
  EXPECT_EQ((*ids)[0], ItemId{1});
  EXPECT_FALSE((*ids)[1]);
}

TEST_F(AwaitSaveTest, AKnownDuplicateIsAnsweredBeforeTheCallReturns) {
  Send("a");
  Run();
  EXPECT_EQ(Send("a")->outcome, Outcome::kDuplicate);
}

}  // namespace
}  // namespace itemgate
