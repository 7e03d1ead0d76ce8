#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "itemgate/service.h"
#include "testing/manual_executor.h"
#include "testing/scripted_store.h"

namespace itemgate {
namespace {

using testing::ElementsAre;

/// A backend whose calls wait until the test answers them. One thread.
class HeldBackend final : public ItemBackend {
 public:
  void SaveItem(const BackendItem& item, SaveDone done) override {
    if (refuses_) return done(Fail(ErrorCode::kFailed, "refused"));
    EXPECT_TRUE(saving_.try_emplace(std::string(item.content), std::move(done)).second)
        << "two saves of one content at a time";
  }
  void FindItemsWithContent(const ContentKey&, std::string_view content, FindDone done) override {
    ++find_count_;
    done(saved_.count(std::string(content)));
  }

  /// Ends the save of a content; kFailed: nothing was saved; kUnknown: it was, all the same.
  void End(const std::string& content, Result<void> result = {}) {
    auto waiting = saving_.extract(content);
    ASSERT_FALSE(waiting.empty()) << content;
    if (result || result.error().code == ErrorCode::kUnknown) saved_.insert(content);
    waiting.mapped()(std::move(result));
  }

  [[nodiscard]] std::size_t saving_count() const { return saving_.size(); }
  [[nodiscard]] std::size_t saved_count(const std::string& content) const {
    return saved_.count(content);
  }
  [[nodiscard]] int find_count() const { return find_count_; }
  void RefuseFromNowOn() { refuses_ = true; }
  void HasAlready(const std::string& content) { saved_.insert(content); }

 private:
  std::map<std::string, SaveDone> saving_;
  std::multiset<std::string> saved_;
  int find_count_ = 0;
  bool refuses_ = false;
};

class ServiceTest : public testing::Test {
 protected:
  explicit ServiceTest(ItemBackend* backend = nullptr) : backend_(backend) {}
  ~ServiceTest() override { committer_.RunUntilIdle(); }

  ItemIntegrationService& service() {
    if (!service_) {
      service_ = std::make_unique<ItemIntegrationService>(ServiceParts{.store = store_,
                                                                       .backend = backend_,
                                                                       .clock = clock_,
                                                                       .executor = executor_,
                                                                       .committer = committer_,
                                                                       .seed = 1},
                                                          options_);
    }
    return *service_;
  }

  /// Sends a content without waiting; its answer lands in answers_[number].
  std::size_t Send(const std::string& content, const SaveOptions& options = {}) {
    const std::size_t number = answers_.size();
    answers_.emplace_back();
    service().SaveItemAsync(content, options, [this, number](SaveResult result) {
      EXPECT_FALSE(answers_[number]) << "answered twice";
      answers_[number] = std::move(result);
    });
    return number;
  }

  void Run() {
    while (committer_.RunOne() || executor_.RunOne()) {
    }
  }

  [[nodiscard]] Outcome OutcomeOf(std::size_t number) const { return answers_[number]->outcome; }

  ItemBackend* backend_;
  ServiceOptions options_{.near_cache_keys = 1000};
  ManualClock clock_;
  ManualExecutor executor_{clock_};
  ManualExecutor committer_{clock_};
  ScriptedStore store_;
  std::vector<std::optional<SaveResult>> answers_;
  std::unique_ptr<ItemIntegrationService> service_;
};

TEST_F(ServiceTest, SavesAContentOnceAndAnswersRepeatsWithItsId) {
  const SaveResult first = service().SaveItem("a");
  EXPECT_EQ(first.outcome, Outcome::kCreated);
  EXPECT_TRUE(first.success());
  EXPECT_EQ(first.id, ItemId{1});
  const SaveResult second = service().SaveItem("a");
  EXPECT_EQ(second.outcome, Outcome::kDuplicate);
  EXPECT_FALSE(second.success());
  EXPECT_EQ(second.id, ItemId{1});
  EXPECT_EQ(service().Statistics().near_cache_hits, 1U);
}

TEST_F(ServiceTest, WhatItRemembersOfAStoreThatLostItemsIsVoid) {
  (void)service().SaveItem("a");
  store_.EndByLoss();
  EXPECT_EQ(service().SaveItem("a").outcome, Outcome::kUnavailable);
  EXPECT_FALSE(service().FindItemsWithContent("a"));
  std::optional<SaveResult> told;
  service().AwaitSaveAsync(MakeContentKey({}, "a").value(), {},
                           [&told](SaveResult result) { told = std::move(result); });
  EXPECT_EQ(told->outcome, Outcome::kUnavailable);
}

TEST_F(ServiceTest, RejectsWhatCannotBeAnItemAndSaysWhy) {
  options_.content_bytes_max = 10;
  const std::string long_type(256, 'x');
  for (const SaveResult& result :
       {service().SaveItem(""), service().SaveItem("eleven bytes"),
        service().SaveItem("a", {.media_type = long_type}),
        service().SaveItem("{", {.scope = Scope::Named("feed+json").value()})}) {
    EXPECT_EQ(result.outcome, Outcome::kRejected);
    EXPECT_TRUE(result.error);
    EXPECT_GT(result.message().size(), 30U);
  }
  EXPECT_EQ(service().SaveItem(std::string_view("\0", 1)).outcome, Outcome::kCreated);
  EXPECT_EQ(service().SaveItem("ten bytes.").outcome, Outcome::kCreated);
}

TEST_F(ServiceTest, ABatchIsOneCommitAndRepeatsInItJoinTheFirst) {
  const std::vector<std::string_view> contents = {"a", "b", "a", "", "b", "c"};
  const std::vector<SaveResult> results = service().SaveItems(contents);
  std::vector<std::uint64_t> ids;
  for (const SaveResult& result : results) ids.push_back(result.id.value);
  EXPECT_THAT(ids, ElementsAre(1, 2, 1, 0, 2, 3));
  EXPECT_EQ(results[2].outcome, Outcome::kDuplicate);
  EXPECT_TRUE(results[2].joined);
  EXPECT_EQ(results[3].outcome, Outcome::kRejected);
  EXPECT_THAT(store_.batch_sizes(), ElementsAre(3));
  EXPECT_TRUE(service().SaveItems({}).empty());
}

TEST_F(ServiceTest, JoinsEqualContentsInFlightAndNeverLetsDifferentOnesWait) {
  store_.Hold();
  Send("a");
  Run();
  Send("a");
  Send("b");
  EXPECT_EQ(service().Statistics().in_flight, 3U);
  store_.Release();
  EXPECT_EQ(OutcomeOf(0), Outcome::kCreated);
  EXPECT_EQ(OutcomeOf(1), Outcome::kDuplicate);
  EXPECT_TRUE(answers_[1]->joined);
  EXPECT_EQ(answers_[1]->id, answers_[0]->id);
  Run();
  store_.Release();
  EXPECT_EQ(OutcomeOf(2), Outcome::kCreated);
  EXPECT_EQ(service().Statistics().in_flight, 0U);
}

TEST_F(ServiceTest, ARejectingCallerIsToldAtOnceThatTheContentIsInProgress) {
  store_.Hold();
  Send("a");
  Run();
  Send("a", {.if_in_flight = IfInFlight::kReject});
  EXPECT_EQ(OutcomeOf(1), Outcome::kInProgress);
  store_.Release();
  Send("a", {.if_in_flight = IfInFlight::kReject});
  EXPECT_EQ(OutcomeOf(2), Outcome::kDuplicate);
}

TEST_F(ServiceTest, ACallerWhoseTimeIsUpLeavesAndTheSaveGoesOn) {
  store_.Hold();
  Send("a", {.wait_max = std::chrono::seconds(2)});
  Run();
  Send("a", {.wait_max = std::chrono::seconds(1)});
  executor_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(OutcomeOf(1), Outcome::kInProgress);
  EXPECT_FALSE(answers_[0]);
  executor_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(OutcomeOf(0), Outcome::kInProgress);
  store_.Release();
  EXPECT_EQ(service().SaveItem("a").outcome, Outcome::kDuplicate);
  EXPECT_EQ(service().Statistics().in_flight, 0U);
}

TEST_F(ServiceTest, AnAnswerInTimeTakesTheTimerBack) {
  Send("a", {.wait_max = std::chrono::seconds(60)});
  Run();
  EXPECT_EQ(OutcomeOf(0), Outcome::kCreated);
  EXPECT_EQ(executor_.waiting_count(), 0U);
}

TEST_F(ServiceTest, AFailedSaveIsToldAsSuchAndTheNextWhoWaitsTries) {
  store_.Hold();
  store_.FailNext(Error(ErrorCode::kStorageFull, "no space left"));
  for (int i = 0; i < 3; ++i) Send("a");
  Run();
  store_.Release();
  EXPECT_EQ(OutcomeOf(0), Outcome::kFailed);
  EXPECT_NE(answers_[0]->message().find("no space left"), std::string::npos);
  EXPECT_FALSE(answers_[1]);
  Run();
  store_.Release();
  EXPECT_EQ(OutcomeOf(1), Outcome::kCreated);
  EXPECT_EQ(OutcomeOf(2), Outcome::kDuplicate);
}

TEST_F(ServiceTest, WhatNobodyCanKnowIsToldAsUnknown) {
  store_.FailNext(Error(ErrorCode::kUnknown, "sync failed"));
  EXPECT_EQ(service().SaveItem("a").outcome, Outcome::kUnknown);
  store_.FailNext(Error(ErrorCode::kUnavailable, "stopped"));
  EXPECT_EQ(service().SaveItem("a").outcome, Outcome::kUnavailable);
  EXPECT_EQ(service().SaveItem("a").outcome, Outcome::kCreated);
}

TEST_F(ServiceTest, RefusesMoreThanItsLimits) {
  options_.batch_items_max = 3;
  options_.in_flight_max = 4;
  const std::vector<std::string_view> four = {"a", "b", "c", "d"};
  EXPECT_EQ(service().SaveItems(four)[0].outcome, Outcome::kRejected);
  store_.Hold();
  for (const char* content : {"a", "b", "c", "d"}) Send(content);
  EXPECT_EQ(OutcomeOf(Send("e")), Outcome::kUnavailable);
  for (Run(); store_.waiting_count() > 0; Run()) store_.Release();
  EXPECT_EQ(OutcomeOf(3), Outcome::kCreated);
  Send("e");
  for (Run(); store_.waiting_count() > 0; Run()) store_.Release();
  EXPECT_EQ(OutcomeOf(5), Outcome::kCreated);
}

TEST_F(ServiceTest, BoundsHowManyWaitForOneContent) {
  options_.waiters_max = 2;
  store_.Hold();
  for (int i = 0; i < 4; ++i) Send("a");
  EXPECT_EQ(OutcomeOf(3), Outcome::kInProgress);
  EXPECT_EQ(OutcomeOf(Send("a")), Outcome::kInProgress);
  std::optional<Outcome> awaited;
  service().AwaitSaveAsync(MakeContentKey({}, "a").value(), std::chrono::hours(1),
                           [&](const SaveResult& result) { awaited = result.outcome; });
  EXPECT_EQ(awaited, Outcome::kInProgress);
  const std::size_t other = Send("b");
  for (Run(); store_.waiting_count() > 0; Run()) store_.Release();
  EXPECT_EQ(OutcomeOf(0), Outcome::kCreated);
  EXPECT_EQ(OutcomeOf(1), Outcome::kDuplicate);
  EXPECT_EQ(OutcomeOf(2), Outcome::kDuplicate);
  EXPECT_EQ(OutcomeOf(other), Outcome::kCreated);
}

TEST_F(ServiceTest, BoundsTheContentsUnderWayByTheirBytes) {
  options_.in_flight_bytes_max = 10;
  store_.Hold();
  const std::size_t first = Send("123456");
  const std::size_t refused = Send("7890_");
  EXPECT_EQ(OutcomeOf(refused), Outcome::kUnavailable);
  EXPECT_EQ(answers_[refused]->error->code, ErrorCode::kBusy);
  const std::size_t fitting = Send("7890");
  for (Run(); store_.waiting_count() > 0; Run()) store_.Release();
  EXPECT_EQ(OutcomeOf(first), Outcome::kCreated);
  EXPECT_EQ(OutcomeOf(fitting), Outcome::kCreated);
  Send("1234567890");
  for (Run(); store_.waiting_count() > 0; Run()) store_.Release();
  EXPECT_EQ(OutcomeOf(3), Outcome::kCreated);
}

TEST_F(ServiceTest, WhoHasItsAnswerTakesNoRoomAnyMore) {
  options_.in_flight_max = 1;
  std::size_t next = 0;
  service().SaveItemAsync("a", {}, [&](const SaveResult& result) {
    EXPECT_EQ(result.outcome, Outcome::kCreated);
    EXPECT_EQ(service().Statistics().in_flight, 0U);
    next = Send("b");
  });
  Run();
  EXPECT_EQ(OutcomeOf(next), Outcome::kCreated);
}

TEST_F(ServiceTest, NeverGivesAnotherContentForOneThatWasLost) {
  EXPECT_TRUE(service().SaveItem("a").success());
  store_.LoseItems();
  EXPECT_EQ(service().SaveItem("b").id, ItemId{1});
  const auto found = service().FindItemsWithContent("a");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kUnavailable);
}

TEST_F(ServiceTest, FindsGetsAndListsWhatWasSaved) {
  EXPECT_TRUE(service().SaveItem("a", {.media_type = "text/plain"}).success());
  EXPECT_TRUE(service().SaveItem("b").success());
  const auto found = service().FindItemsWithContent("a");
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().content, "a");
  EXPECT_EQ(found->front().media_type, "text/plain");
  EXPECT_TRUE(service().FindItemsWithContent("absent")->empty());
  EXPECT_TRUE(service().FindItemsWithContent("a", Scope::Named("other").value())->empty());
  EXPECT_EQ(service().GetItem(ItemId{2})->content, "b");
  EXPECT_EQ(service().GetItem(ItemId{3}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(service().GetAllItems()->size(), 2U);
  EXPECT_EQ(service().GetAllItems(ItemId{1})->front().content, "b");
}

class BackendTest : public ServiceTest {
 protected:
  BackendTest() : ServiceTest(&held_) {}
  HeldBackend held_;
};

TEST_F(BackendTest, AnItemIsSavedHereOnlyAfterTheBackendHasIt) {
  Send("a");
  Send("a");
  Run();
  EXPECT_EQ(service().GetAllItems()->size(), 0U);
  held_.End("a");
  Run();
  EXPECT_EQ(OutcomeOf(0), Outcome::kCreated);
  EXPECT_EQ(OutcomeOf(1), Outcome::kDuplicate);
  EXPECT_EQ(held_.saved_count("a"), 1U);
}

TEST_F(BackendTest, DifferentContentsAreInTheBackendAtTheSameTime) {
  for (const char* content : {"a", "b", "c"}) Send(content);
  EXPECT_EQ(held_.saving_count(), 3U);
  for (const char* content : {"c", "a", "b"}) held_.End(content);
  Run();
  EXPECT_EQ(answers_[2]->id, ItemId{1});  // ids are given at completion
}

TEST_F(BackendTest, AFailureIsToldToItsCallerAndTheNextTriesAgain) {
  for (int i = 0; i < 4; ++i) Send("a");
  held_.End("a", Fail(ErrorCode::kFailed, "refused"));
  EXPECT_EQ(OutcomeOf(0), Outcome::kFailed);
  Run();
  held_.End("a", Fail(ErrorCode::kFailed, "refused"));
  Run();
  held_.End("a");
  Run();
  EXPECT_EQ(OutcomeOf(1), Outcome::kFailed);
  EXPECT_EQ(OutcomeOf(2), Outcome::kCreated);
  EXPECT_EQ(OutcomeOf(3), Outcome::kDuplicate);
  EXPECT_EQ(held_.saved_count("a"), 1U);
}

TEST_F(BackendTest, AnUnknownSaveIsLookedForBeforeItIsRepeated) {
  Send("a");
  held_.End("a", Fail(ErrorCode::kUnknown, "timed out"));
  EXPECT_EQ(OutcomeOf(0), Outcome::kUnknown);
  Send("a");
  Run();
  EXPECT_EQ(OutcomeOf(1), Outcome::kCreated);
  EXPECT_EQ(held_.saved_count("a"), 1U);
}

TEST_F(BackendTest, WhoJoinedAnUnknownSaveIsToldTheSameAndNothingIsSentAgain) {
  for (int i = 0; i < 3; ++i) Send("a");
  held_.End("a", Fail(ErrorCode::kUnknown, "timed out"));
  Run();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(OutcomeOf(i), Outcome::kUnknown);
  EXPECT_EQ(held_.saving_count(), 0U);
  EXPECT_EQ(held_.find_count(), 1);  // of the first one
  EXPECT_EQ(service().Statistics().in_flight, 0U);
}

TEST_F(BackendTest, WhatTheBackendHasIsNeverToldAsNotSaved) {
  for (const ErrorCode code :
       {ErrorCode::kStorageFull, ErrorCode::kUnavailable, ErrorCode::kTooLarge}) {
    store_.FailNext(Error(code, "the store refused"));
    const std::size_t number = Send("content " + std::to_string(static_cast<int>(code)));
    held_.End("content " + std::to_string(static_cast<int>(code)));
    Run();
    EXPECT_EQ(OutcomeOf(number), Outcome::kUnknown);
  }
}

TEST_F(BackendTest, ALongLineOfFailuresDoesNotNest) {
  constexpr std::size_t kCallers = 50'000;
  for (std::size_t i = 0; i < kCallers; ++i) Send("a");
  held_.RefuseFromNowOn();
  held_.End("a", Fail(ErrorCode::kFailed, "refused"));
  Run();
  EXPECT_EQ(OutcomeOf(kCallers - 1), Outcome::kFailed);
}

TEST_F(BackendTest, WhatABackendHasFromBeforeACrashIsAdopted) {
  held_.HasAlready("a");
  Send("a");
  Run();
  EXPECT_EQ(OutcomeOf(0), Outcome::kCreated);
  EXPECT_EQ(held_.saved_count("a"), 1U);
}

TEST_F(BackendTest, WhatIsSavedHereIsNotAskedForThere) {
  options_.near_cache_keys = 0;
  Send("a");
  held_.End("a");
  Run();
  Send("a");
  Run();
  EXPECT_EQ(OutcomeOf(1), Outcome::kDuplicate);
  EXPECT_EQ(held_.find_count(), 1);
}

TEST_F(BackendTest, EveryoneMayLeaveAndTheSaveStillEnds) {
  for (int i = 0; i < 3; ++i) Send("a", {.wait_max = std::chrono::seconds(1)});
  executor_.Advance(std::chrono::seconds(40));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(OutcomeOf(i), Outcome::kInProgress);
  held_.End("a");
  Run();
  EXPECT_EQ(service().SaveItem("a").outcome, Outcome::kDuplicate);
}

}  // namespace
}  // namespace itemgate
