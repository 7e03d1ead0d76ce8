#include "backend/simulated/simulated_backend.h"

#include <algorithm>
#include <latch>
#include <optional>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/thread_executor.h"
#include "testing/manual_executor.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

ContentKey KeyOf(std::string_view content) {
  ContentKey key;
  content.copy(reinterpret_cast<char*>(key.digest.bytes.data()), key.digest.bytes.size());
  key.length = static_cast<std::uint32_t>(content.size());
  return key;
}

/// A backend on a clock that the test moves, and the answers it gave.
class SimulatedBackendTest : public testing::Test {
 protected:
  void Start(SimulatedBackendOptions options) { backend_.emplace(executor_, std::move(options)); }

  void Save(std::string_view content) {
    backend_->SaveItem(
        {.key = KeyOf(content), .content = content}, [this](const Result<void>& result) {
          answers_.push_back(result ? "saved" : std::string(ErrorCodeName(result.error().code)));
        });
  }

  std::uint64_t Count(std::string_view content) {
    std::optional<std::uint64_t> count;
    backend_->FindItemsWithContent(KeyOf(content), content,
                                   [&](Result<std::uint64_t> found) { count = *found; });
    executor_.Advance(0s);
    return count.value();
  }

  std::vector<std::string> Contents() const {
    std::vector<std::string> contents;
    for (const auto& record : backend_->GetAllItems()) contents.push_back(record.content);
    return contents;
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
  std::optional<SimulatedBackend> backend_;
  std::vector<std::string> answers_;
};

TEST_F(SimulatedBackendTest, SavesAtTheSameTimeAndAnswersAfterTheDelay) {
  Start({.delay_min = 2s, .delay_max = 2s});
  Save("a");
  Save("b");
  executor_.Advance(1999ms);
  EXPECT_THAT(answers_, ElementsAre());
  EXPECT_THAT(Contents(), ElementsAre());
  executor_.Advance(1ms);
  EXPECT_THAT(answers_, ElementsAre("saved", "saved"));
  EXPECT_THAT(Contents(), ElementsAre("a", "b"));
  EXPECT_EQ(backend_->GetAllItems()[1].id, 2u);
}

TEST_F(SimulatedBackendTest, KnowsHowManySavesRanAtOnce) {
  Start({.script = {SimulatedEnding::kRefused}});
  Save("a");
  executor_.Advance(1s);
  Save("b");
  Save("c");
  executor_.Advance(2s);
  Save("d");
  executor_.Advance(2s);
  EXPECT_EQ(backend_->running_peak(), 3u);
}

// It has no idea of duplicates: that is what Itemgate is for.
TEST_F(SimulatedBackendTest, SavesTheSameContentAgainWhenAskedTo) {
  Start({});
  Save("a");
  Save("a");
  executor_.Advance(2s);
  EXPECT_THAT(Contents(), ElementsAre("a", "a"));
  EXPECT_EQ(Count("a"), 2u);
  EXPECT_EQ(Count("b"), 0u);
}

TEST_F(SimulatedBackendTest, EndsAsItsScriptSaysAndThenWell) {
  Start({.delay_min = 1s,
         .delay_max = 1s,
         .script = {SimulatedEnding::kRefused, SimulatedEnding::kRequestLost,
                    SimulatedEnding::kAnswerLost}});
  for (const char* content : {"refused", "request lost", "answer lost", "well"}) Save(content);
  executor_.Advance(1s);
  EXPECT_THAT(answers_, ElementsAre("failed", "unknown", "unknown", "saved"));
  EXPECT_THAT(Contents(), ElementsAre("answer lost", "well"));
  EXPECT_EQ(backend_->save_count(), 4u);
}

TEST_F(SimulatedBackendTest, RandomDelaysLieBetweenTheBoundsAndFollowTheSeed) {
  const auto order_of = [this](std::uint64_t seed) {
    Start({.delay_min = 2s, .delay_max = 40s, .seed = seed});
    for (const char* content : {"a", "b", "c", "d", "e", "f", "g", "h"}) Save(content);
    executor_.Advance(2s - Duration(1));
    EXPECT_THAT(Contents(), ElementsAre());
    executor_.Advance(38s + Duration(1));
    EXPECT_EQ(Contents().size(), 8u);
    return Contents();
  };
  const auto first = order_of(7);
  EXPECT_EQ(order_of(7), first);
  EXPECT_NE(order_of(8), first);
}

TEST_F(SimulatedBackendTest, FailsAsOftenAsAsked) {
  Start({.refused_rate = 0.3, .answer_lost_rate = 0.2});
  for (int i = 0; i < 10'000; ++i) Save("a");
  executor_.Advance(2s);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(answers_, "failed")), 3000, 200);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(answers_, "unknown")), 2000, 200);
  EXPECT_NEAR(static_cast<double>(Count("a")), 7000, 200);
}

TEST_F(SimulatedBackendTest, ALookUpSeesEverySaveReportedBefore) {
  Start({.delay_min = 1s, .delay_max = 1s, .find_delay = 500ms});
  Save("a");
  std::optional<std::uint64_t> found;
  executor_.Advance(600ms);
  backend_->FindItemsWithContent(KeyOf("a"), "a", [&](Result<std::uint64_t> n) { found = *n; });
  EXPECT_EQ(found, std::nullopt);
  executor_.Advance(500ms);
  EXPECT_EQ(found, 1u);
}

// Real threads: nothing is lost or given an id twice, and thousands wait without a thread each.
TEST(SimulatedBackend, ManyThreadsSaveAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kSaves = 500;
  ThreadExecutor executor("backend", 2);
  SimulatedBackend backend(executor, {.delay_min = 1ms, .delay_max = 20ms});
  std::latch answered(kThreads * kSaves);
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kSaves; ++i) {
        backend.SaveItem({.key = KeyOf("a"), .content = "a"},
                         [&](const Result<void>&) { answered.count_down(); });
      }
    });
  }
  answered.wait();
  threads.clear();
  std::set<std::uint64_t> ids;
  for (const auto& record : backend.GetAllItems()) ids.insert(record.id);
  EXPECT_EQ(ids.size(), std::size_t{kThreads * kSaves});
  EXPECT_EQ(*ids.rbegin(), std::uint64_t{kThreads * kSaves});
}

}  // namespace
}  // namespace itemgate
