#include "core/content_guard.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "testing/faulty_lock.h"
#include "testing/manual_executor.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;
using State = Guarded::State;
using Mode = FaultyLock::Mode;

ContentKey KeyOf(std::string_view content) { return MakeContentKey({}, content).value(); }

class ContentGuardTest : public testing::Test {
 protected:
  /// Asks for the locks of contents; null until it is answered.
  std::shared_ptr<std::optional<std::vector<Guarded>>> Ask(const std::vector<std::string>& contents,
                                                           Duration wait = 0ms) {
    std::vector<ContentKey> keys;
    for (const std::string& content : contents) keys.push_back(KeyOf(content));
    auto answer = std::make_shared<std::optional<std::vector<Guarded>>>();
    guard_.Acquire(keys, wait, [answer](std::vector<Guarded> guarded) {
      EXPECT_FALSE(*answer) << "answered twice";
      *answer = std::move(guarded);
    });
    return answer;
  }
  State StateOf(const std::string& content) {
    const auto answer = Ask({content});
    executor_.Advance(20ms);
    return (*answer)->front().state;
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
  FaultyLock lock_{Mode::kWorks};
  ContentGuard guard_{{.lock = lock_, .executor = executor_, .clock = clock_}, 20ms};
};

TEST_F(ContentGuardTest, HoldsALockUntilTheLeaseEnds) {
  auto first = Ask({"a"});
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->front().state, State::kMine);
  EXPECT_EQ(StateOf("a"), State::kBusy);
  EXPECT_EQ(StateOf("b"), State::kMine);
  first->reset();
  EXPECT_EQ(StateOf("a"), State::kMine);
  EXPECT_EQ(lock_.held_count(), 0U);
  EXPECT_EQ(executor_.waiting_count(), 0U);
}

TEST_F(ContentGuardTest, NamesALockSoThatAPersonCanReadIt) {
  EXPECT_EQ(ContentGuard::NameOf(KeyOf("abc")),
            "default/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(ContentGuardTest, AnswersForEachOfMany) {
  lock_.Hold(ContentGuard::NameOf(KeyOf("b")));
  const auto answer = Ask({"a", "b", "c"});
  ASSERT_TRUE(*answer);
  EXPECT_EQ((**answer)[0].state, State::kMine);
  EXPECT_EQ((**answer)[1].state, State::kBusy);
  EXPECT_EQ((**answer)[2].state, State::kMine);
}

TEST_F(ContentGuardTest, ALockThatHangsIsGoneOnWithoutAndWhatItGivesLateIsGivenBack) {
  lock_.SetMode(Mode::kHangs);
  const auto answer = Ask({"a"});
  executor_.Advance(19ms);
  EXPECT_FALSE(*answer);
  executor_.Advance(1ms);
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->front().state, State::kUnguarded);
  lock_.AnswerLate();
  EXPECT_EQ(lock_.held_count(), 0U);
}

TEST_F(ContentGuardTest, WaitsForAHolderNoLongerThanItMay) {
  lock_.SetMode(Mode::kHangs);
  const auto answer = Ask({"a"}, 1s);
  executor_.Advance(1019ms);
  EXPECT_FALSE(*answer);
  executor_.Advance(1ms);
  EXPECT_TRUE(*answer);
  EXPECT_EQ(lock_.asked().front().second, 1000ms);
}

TEST_F(ContentGuardTest, ALockThatThrowsCountsAsNoneWhateverItThrows) {
  lock_.SetMode(Mode::kThrows);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(StateOf("a"), State::kUnguarded);
  EXPECT_EQ(guard_.Statistics().unavailable, 2U);
}

TEST_F(ContentGuardTest, AsksALockThatFailedAgainAndAgainOnlyOnceInASecond) {
  lock_.SetMode(Mode::kUnavailable);
  for (int i = 0; i < 100; ++i) EXPECT_EQ((*Ask({"a"}))->front().state, State::kUnguarded);
  EXPECT_EQ(lock_.asked().size(), 3U);
  EXPECT_EQ(guard_.Statistics().skipped, 97U);
  lock_.SetMode(Mode::kHangs);
  executor_.Advance(1s);
  const auto probe = Ask({"a"});
  EXPECT_TRUE(*Ask({"b"}));  // nobody but the one waits to learn that it hangs
  executor_.Advance(20ms);
  EXPECT_EQ(lock_.asked().size(), 4U);
  lock_.SetMode(Mode::kWorks);
  executor_.Advance(1s);
  EXPECT_EQ(StateOf("a"), State::kMine);
  EXPECT_EQ(StateOf("b"), State::kMine);
}

TEST_F(ContentGuardTest, OneContentWhoseLockIsBusyDoesNotMakeTheLockABrokenOne) {
  lock_.SetMode(Mode::kNeverGrants);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(StateOf("a"), State::kBusy);
  EXPECT_EQ(lock_.asked().size(), 10U);
}

TEST_F(ContentGuardTest, CountsLeasesThatWereLostDuringTheWork) {
  guard_.Finished(*(*Ask({"a"}))->front().lease);
  EXPECT_EQ(guard_.Statistics().lost, 0U);
  lock_.SetMode(Mode::kLoses);
  guard_.Finished(*(*Ask({"a"}))->front().lease);
  EXPECT_EQ(guard_.Statistics().lost, 1U);
  EXPECT_EQ(guard_.Statistics().acquired, 2U);
}

}  // namespace
}  // namespace itemgate
