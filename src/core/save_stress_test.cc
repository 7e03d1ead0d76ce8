#include <atomic>
#include <latch>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "base/random.h"
#include "itemgate/service.h"
#include "net/thread_executor.h"
#include "store/memory/memory_store.h"

namespace itemgate {
namespace {

/// Real threads around a service, with a store in memory.
class Stage {
 public:
  explicit Stage(ItemBackend* backend = nullptr, ServiceOptions options = {})
      : service_({.store = *store_,
                  .backend = backend,
                  .clock = clock_,
                  .executor = executor_,
                  .committer = committer_,
                  .seed = 1},
                 options) {}

  ItemIntegrationService& service() { return service_; }

 private:
  SystemClock clock_;
  std::unique_ptr<ItemStore> store_ = NewMemoryStore(clock_, 1);
  ThreadExecutor executor_{"executor", 2};
  ThreadExecutor committer_{"committer", 1};
  ItemIntegrationService service_;
};

/// Slow, then failing, then succeeding: each save takes a moment on another thread, and the first ones fail.
class FlakyBackend final : public ItemBackend {
 public:
  FlakyBackend(Executor& executor, int failure_count)
      : executor_(executor), failures_left_(failure_count) {}

  void SaveItem(const BackendItem& item, SaveDone done) override {
    executor_.PostAfter(std::chrono::milliseconds(1),
                        [this, text = std::string(item.content), told = std::move(done)]() mutable {
                          if (failures_left_.fetch_sub(1) > 0)
                            return told(Fail(ErrorCode::kFailed, "not yet"));
                          {
                            const MutexLock lock(mutex_);
                            ++saved_[text];
                          }
                          told({});
                        });
  }
  void FindItemsWithContent(const ContentKey&, std::string_view content, FindDone done) override {
    done(saved_count(std::string(content)));
  }
  [[nodiscard]] std::uint64_t saved_count(const std::string& content) {
    const MutexLock lock(mutex_);
    const auto found = saved_.find(content);
    return found == saved_.end() ? 0 : found->second;
  }

 private:
  Executor& executor_;
  std::atomic<int> failures_left_;
  Mutex mutex_;
  std::map<std::string, std::uint64_t> saved_ GUARDED_BY(mutex_);
};

TEST(SaveStress, AThousandCallersOfOneContentAreAllToldTheTruth) {
  constexpr int kCallers = 1000;
  constexpr int kFailures = 7;
  ThreadExecutor backend_executor("backend", 1);
  FlakyBackend backend(backend_executor, kFailures);
  std::map<Outcome, int> outcomes;
  Mutex mutex;
  {
    Stage stage(&backend);
    std::latch together(kCallers);
    std::vector<std::jthread> callers;
    for (int i = 0; i < kCallers; ++i) {
      callers.emplace_back([&] {
        together.arrive_and_wait();
        const SaveResult result = stage.service().SaveItem("the content");
        const MutexLock lock(mutex);
        ++outcomes[result.outcome];
        EXPECT_EQ(result.id, result.saved() ? ItemId{1} : ItemId{});
      });
    }
    callers.clear();
    EXPECT_EQ(stage.service().GetAllItems()->size(), 1U);
    EXPECT_EQ(stage.service().Statistics().in_flight, 0U);
  }
  EXPECT_EQ(outcomes[Outcome::kCreated], 1);
  EXPECT_EQ(outcomes[Outcome::kFailed], kFailures);
  EXPECT_EQ(outcomes[Outcome::kDuplicate], kCallers - kFailures - 1);
  EXPECT_EQ(backend.saved_count("the content"), 1U);
}

TEST(SaveStress, AMillionDistinctContentsLeaveTheInFlightTableEmpty) {
  constexpr int kThreads = 4;
  constexpr int kBatches = 250;
  constexpr int kBatchItems = 1000;
  Stage stage(nullptr, {.near_cache_keys = 1000});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int b = 0; b < kBatches; ++b) {
          std::vector<std::string> contents;
          for (int i = 0; i < kBatchItems; ++i)
            contents.push_back(std::to_string((t * kBatches + b) * kBatchItems + i));
          const std::vector<std::string_view> views(contents.begin(), contents.end());
          for (const SaveResult& result : stage.service().SaveItems(views))
            ASSERT_EQ(result.outcome, Outcome::kCreated);
        }
      });
    }
  }
  const ServiceStatistics statistics = stage.service().Statistics();
  EXPECT_EQ(statistics.created, 1'000'000U);
  EXPECT_EQ(statistics.in_flight, 0U);  // and the table checks in its destructor that it is empty
}

// Every form of the call at once, over few contents, with callers that do not wait for the end.
TEST(SaveStress, EveryContentGetsOneIdWhateverTheCallersDo) {
  constexpr std::uint64_t kContents = 500;
  std::vector<std::atomic<std::uint64_t>> ids(kContents);
  std::atomic<std::uint64_t> created = 0;
  std::atomic<int> answers = 0;
  std::atomic<int> calls = 0;
  const auto check = [&](std::uint64_t number, const SaveResult& result) {
    ++answers;
    if (result.outcome == Outcome::kCreated) ++created;
    if (!result.saved()) return;
    std::uint64_t expected = 0;
    const bool first = ids[number].compare_exchange_strong(expected, result.id.value);
    EXPECT_TRUE(first || expected == result.id.value);
  };
  {
    Stage stage(nullptr, {.near_cache_keys = 100});
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      threads.emplace_back([&, seed] {
        Random random(seed);
        for (int i = 0; i < 3000; ++i) {
          const std::uint64_t number = random.Below(kContents);
          const std::string content = "content " + std::to_string(number);
          ++calls;
          switch (random.Below(3)) {
            case 0:
              check(number, stage.service().SaveItem(content));
              break;
            case 1:
              stage.service().SaveItemAsync(
                  content, {.wait_max = std::chrono::microseconds(random.Below(100))},
                  [&, number](const SaveResult& result) { check(number, result); });
              break;
            default:
              check(number,
                    stage.service().SaveItem(content, {.if_in_flight = IfInFlight::kReject}));
          }
        }
      });
    }
    threads.clear();
    EXPECT_EQ(stage.service().GetAllItems({}, {.items_max = 10 * kContents})->size(), kContents);
  }
  EXPECT_EQ(answers, calls);
  EXPECT_LE(created, kContents);  // some of the creators had left before they were told
}

}  // namespace
}  // namespace itemgate
