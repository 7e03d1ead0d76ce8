#include "lock/local/local_lock.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/manual_executor.h"

namespace itemgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LocalLockTest : public testing::Test {
 protected:
  struct Attempt {
    std::optional<Result<std::unique_ptr<Lease>>> answer;

    [[nodiscard]] bool is_granted() const { return answer && answer->has_value(); }
    [[nodiscard]] std::optional<ErrorCode> failure() const {
      return answer && !answer->has_value() ? std::optional(answer->error().code) : std::nullopt;
    }
  };

  std::shared_ptr<Attempt> Acquire(std::string_view name, milliseconds wait = {},
                                   std::stop_token cancellation = {}) {
    auto attempt = std::make_shared<Attempt>();
    lock_->Acquire(name, {.wait = wait, .cancellation = std::move(cancellation)},
                   [attempt](Result<std::unique_ptr<Lease>> answer) {
                     attempt->answer.emplace(std::move(answer));
                   });
    executor_.RunUntilIdle();
    return attempt;
  }
  void Release(Attempt& attempt) {
    attempt.answer.reset();
    executor_.RunUntilIdle();
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
  std::optional<LocalLock> lock_{executor_};
};

TEST_F(LocalLockTest, ExcludesByNameUntilItIsGivenBack) {
  const auto first = Acquire("a");
  EXPECT_TRUE(first->is_granted());
  EXPECT_FALSE((**first->answer)->Deadline());
  EXPECT_EQ(Acquire("a")->failure(), ErrorCode::kBusy);
  EXPECT_TRUE(Acquire(std::string_view("a\0", 2))->is_granted());
  Release(*first);
  EXPECT_TRUE(Acquire("a")->is_granted());
  EXPECT_EQ(lock_->held_count(), 0U);
}

TEST_F(LocalLockTest, WhoWaitsGetsItInTurn) {
  const auto first = Acquire("a");
  const auto second = Acquire("a", seconds(5));
  const auto third = Acquire("a", seconds(5));
  EXPECT_FALSE(second->answer);
  Release(*first);
  EXPECT_TRUE(second->is_granted());
  EXPECT_FALSE(third->answer);
  Release(*second);
  EXPECT_TRUE(third->is_granted());
  EXPECT_EQ(executor_.waiting_count(), 0U);  // no timer is left
}

TEST_F(LocalLockTest, WaitsNoLongerThanItWas) {
  const auto first = Acquire("a");
  const auto second = Acquire("a", milliseconds(100));
  executor_.Advance(milliseconds(99));
  EXPECT_FALSE(second->answer);
  executor_.Advance(milliseconds(1));
  EXPECT_EQ(second->failure(), ErrorCode::kBusy);
  Release(*first);
  EXPECT_EQ(lock_->held_count(), 0U);
}

TEST_F(LocalLockTest, AWaitIsCancelled) {
  std::stop_source stop;
  const auto first = Acquire("a");
  const auto second = Acquire("a", seconds(5), stop.get_token());
  stop.request_stop();
  executor_.RunUntilIdle();
  EXPECT_EQ(second->failure(), ErrorCode::kCancelled);
  EXPECT_EQ(Acquire("b", seconds(5), stop.get_token())->failure(), ErrorCode::kCancelled);
  Release(*first);
  EXPECT_EQ(lock_->held_count(), 0U);
}

TEST_F(LocalLockTest, ClosedWhileSomebodyWaitsAndHolds) {
  const auto first = Acquire("a");
  const auto second = Acquire("a", seconds(5));
  lock_.reset();
  executor_.RunUntilIdle();
  EXPECT_EQ(second->failure(), ErrorCode::kUnavailable);
  Release(*first);
}

}  // namespace
}  // namespace itemgate
