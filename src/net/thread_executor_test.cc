#include "net/thread_executor.h"

#include <sys/resource.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

TEST(ThreadExecutor, RunsPostedTasksOnItsOwnThreads) {
  ThreadExecutor executor("test", 2);
  std::promise<std::thread::id> ran_on;
  executor.Post([&] { ran_on.set_value(std::this_thread::get_id()); });
  EXPECT_NE(ran_on.get_future().get(), std::this_thread::get_id());
}

TEST(ThreadExecutor, RunsDelayedTasksInTheOrderOfTheirTimes) {
  ThreadExecutor executor("test", 1);
  std::promise<void> done;
  std::vector<int> order;
  executor.PostAfter(std::chrono::milliseconds(20), [&] {
    order.push_back(2);
    done.set_value();
  });
  executor.PostAfter(std::chrono::milliseconds(1), [&] { order.push_back(1); });
  done.get_future().wait();
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(ThreadExecutor, StandsBehindOthersIfItIsToldTo) {
  ThreadExecutor executor("test", 1, ThreadExecutor::Priority::kLow);
  std::promise<int> nice;
  executor.Post([&] { nice.set_value(getpriority(PRIO_PROCESS, 0)); });
  EXPECT_GT(nice.get_future().get(), getpriority(PRIO_PROCESS, 0));
}

// The thread that slept until the timer may be the one that takes the task.
TEST(ThreadExecutor, ATimerComesThoughAThreadIsBusy) {
  ThreadExecutor executor("test", 2);
  for (int i = 0; i < 20; ++i) {
    std::promise<void> due;
    std::promise<bool> came;
    executor.PostAfter(std::chrono::milliseconds(5), [&] { due.set_value(); });
    executor.Post([&] {
      came.set_value(due.get_future().wait_for(std::chrono::seconds(10)) ==
                     std::future_status::ready);
    });
    ASSERT_TRUE(came.get_future().get());
  }
}

TEST(ThreadExecutor, AnEarlierTimerIsNotHeldUpByOneThatWasCancelled) {
  ThreadExecutor executor("test", 1);
  for (int i = 0; i < 20; ++i) {
    std::promise<void> due;
    executor.Cancel(executor.PostAfter(std::chrono::hours(2), [] {}));
    const TimerId later = executor.PostAfter(std::chrono::hours(1), [] {});
    executor.PostAfter(std::chrono::milliseconds(1), [&] { due.set_value(); });
    ASSERT_EQ(due.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_TRUE(executor.Cancel(later));
  }
}

TEST(ThreadExecutor, ACancelledTaskNeverRunsAndIsCancelledOnce) {
  ThreadExecutor executor("test", 1);
  std::atomic<bool> ran = false;
  const TimerId timer = executor.PostAfter(std::chrono::hours(1), [&] { ran = true; });
  EXPECT_TRUE(executor.Cancel(timer));
  EXPECT_FALSE(executor.Cancel(timer));
  executor.Stop();
  EXPECT_FALSE(ran);
}

TEST(ThreadExecutor, StopRunsWhatWasPostedAndDropsWhatWaits) {
  ThreadExecutor executor("test", 2);
  std::atomic<int> ran = 0;
  for (int i = 0; i < 1000; ++i) executor.Post([&] { ++ran; });
  executor.PostAfter(std::chrono::hours(1), [&] { ran += 1'000'000; });
  executor.Stop();
  EXPECT_EQ(ran, 1000);
}

}  // namespace
}  // namespace itemgate
