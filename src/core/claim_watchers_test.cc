#include "core/claim_watchers.h"

#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "itemgate/claim_store.h"
#include "testing/insertions.h"
#include "testing/manual_executor.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;

class ClaimWatchersTest : public testing::Test {
 protected:
  Detached Pause(ClaimWatchers::Watch& watch) {
    woken_by_hint_.reset();
    woken_by_hint_ = co_await watch.Pause(10s);
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
  const std::shared_ptr<ClaimWatchers> watchers_ = std::make_shared<ClaimWatchers>(executor_);
  const ContentKey key_ = InsertionOf("a").key;
  const ContentKey other_ = InsertionOf("b").key;
  std::optional<bool> woken_by_hint_;
};

TEST_F(ClaimWatchersTest, AHintThatComesBetweenTwoPausesEndsTheNextAtOnce) {
  ClaimWatchers::Watch watch(watchers_, key_);
  watchers_->Changed(ClaimNumber(key_));
  Pause(watch);
  executor_.RunUntilIdle();
  EXPECT_EQ(woken_by_hint_, true);
  Pause(watch);
  executor_.Advance(9s);
  EXPECT_EQ(woken_by_hint_, std::nullopt);  // one hint, one wake
  executor_.Advance(1s);
  EXPECT_EQ(woken_by_hint_, false);
}

TEST_F(ClaimWatchersTest, OnlyThoseWhoWaitForItAreWoken) {
  ClaimWatchers::Watch watch(watchers_, key_);
  Pause(watch);
  watchers_->Changed(ClaimNumber(other_));
  executor_.RunUntilIdle();
  EXPECT_EQ(woken_by_hint_, std::nullopt);
  watchers_->Changed(std::nullopt);  // perhaps that one, too
  executor_.RunUntilIdle();
  EXPECT_EQ(woken_by_hint_, true);
}

TEST_F(ClaimWatchersTest, AWatchMayOutliveWhoeverMadeIt) {
  auto watchers = std::make_shared<ClaimWatchers>(executor_);
  const std::weak_ptr<ClaimWatchers> left = watchers;
  {
    const ClaimWatchers::Watch watch(std::move(watchers), key_);
    EXPECT_FALSE(left.expired());
  }
  EXPECT_TRUE(left.expired());
}

TEST_F(ClaimWatchersTest, AWatchThatIsGoneIsNotWoken) {
  ClaimWatchers::Watch stays(watchers_, key_);
  {
    const ClaimWatchers::Watch gone(watchers_, key_);
  }
  Pause(stays);
  watchers_->Changed(ClaimNumber(key_));
  executor_.RunUntilIdle();
  EXPECT_EQ(woken_by_hint_, true);
}

}  // namespace
}  // namespace itemgate
