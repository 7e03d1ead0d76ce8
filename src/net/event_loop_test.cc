#include "net/event_loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "net/descriptor.h"

namespace itemgate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class CallOnReady final : public ReadinessHandler {
 public:
  explicit CallOnReady(std::function<void(Readiness)> call) : call_(std::move(call)) {}
  void Ready(Readiness readiness) override { call_(readiness); }

 private:
  std::function<void(Readiness)> call_;
};

class EventLoopTest : public testing::Test {
 protected:
  EventLoopTest() {
    std::array<int, 2> pair{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
    near_ = Descriptor(pair[0]);
    far_ = Descriptor(pair[1]);
  }

  SystemClock clock_;
  EventLoop loop_{clock_};
  Descriptor near_;
  Descriptor far_;
};

TEST_F(EventLoopTest, RunsWhatWasPostedBeforeStopInOrder) {
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) loop_.Post([&order, i] { order.push_back(i); });
  loop_.Stop();
  loop_.Run();
  EXPECT_EQ(order, (std::vector{0, 1, 2}));
}

TEST_F(EventLoopTest, APostedTaskNeverRunsInsideThePost) {
  bool ran = false;
  loop_.Post([&] {
    loop_.Post([&] {
      ran = true;
      loop_.Stop();
    });
    EXPECT_FALSE(ran);
  });
  loop_.Run();
  EXPECT_TRUE(ran);
}

TEST_F(EventLoopTest, TheEndOfARoundComesAfterAllThatTheRoundBroughtAndPosted) {
  std::vector<int> order;
  loop_.Post([&] {
    loop_.AtEndOfRound([&] {
      order.push_back(2);
      loop_.Post([&] {
        order.push_back(4);
        loop_.Stop();
      });
      loop_.AtEndOfRound([&] { order.push_back(3); });  // at once: the loop must not sleep
    });
    order.push_back(0);
  });
  loop_.Post([&] { order.push_back(1); });
  loop_.Run();
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
}

TEST_F(EventLoopTest, WhatTasksPostRunsBeforeSocketsAreLookedAtButNotForEver) {
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    loop_.Post([&] { again(); });
  };
  int runs_before = 0;
  CallOnReady on_ready([&](Readiness) {
    runs_before = runs;
    loop_.Stop();
  });
  ASSERT_TRUE(loop_.Watch(near_.get(), Readiness::kRead, on_ready));
  ASSERT_EQ(write(far_.get(), "x", 1), 1);
  loop_.Post([&] { again(); });
  loop_.Run();  // would not return if sockets starved
  EXPECT_GT(runs_before, 1);
  loop_.Unwatch(near_.get(), on_ready);
}

TEST_F(EventLoopTest, IsWokenByPostsOfOtherThreadsHoweverTheyFallTogether) {
  constexpr int kTasks = 20'000;
  std::atomic<int> ran = 0;
  std::thread other([&] {
    for (int i = 0; i < kTasks; ++i) {
      loop_.Post([&] {
        if (++ran == kTasks) loop_.Stop();
      });
    }
  });
  loop_.Run();  // a lost wake-up would leave it here
  other.join();
  EXPECT_EQ(ran, kTasks);
}

TEST_F(EventLoopTest, TimersRunInTheOrderOfTheirTimesAndCancelledOnesNever) {
  std::vector<int> order;
  loop_.PostAfter(milliseconds(10), [&] {
    order.push_back(2);
    loop_.Stop();
  });
  loop_.PostAfter(milliseconds(1), [&] { order.push_back(1); });
  const TimerId cancelled = loop_.PostAfter(milliseconds(2), [&] { order.push_back(3); });
  const TimerId distant = loop_.PostAfter(hours(1), [&] { order.push_back(4); });
  EXPECT_TRUE(loop_.Cancel(cancelled));
  EXPECT_FALSE(loop_.Cancel(cancelled));
  loop_.Run();
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_TRUE(loop_.Cancel(distant));
}

TEST_F(EventLoopTest, TellsAHandlerWhatItWaitsForAndNothingElse) {
  std::vector<Readiness> seen;
  CallOnReady handler([&](Readiness readiness) {
    seen.push_back(readiness);
    loop_.Stop();
  });
  ASSERT_TRUE(loop_.Watch(near_.get(), Readiness::kRead, handler));
  loop_.PostAfter(milliseconds(1), [&] { ASSERT_EQ(write(far_.get(), "x", 1), 1); });
  loop_.Run();
  EXPECT_EQ(seen, (std::vector{Readiness::kRead}));
}

TEST_F(EventLoopTest, AClosedPeerMakesADescriptorReady) {
  Readiness seen = Readiness::kNone;
  CallOnReady handler([&](Readiness readiness) {
    seen = readiness;
    loop_.Stop();
  });
  ASSERT_TRUE(loop_.Watch(near_.get(), Readiness::kRead, handler));
  far_.Close();
  loop_.Run();
  EXPECT_TRUE(Includes(seen, Readiness::kRead));
}

TEST_F(EventLoopTest, AHandlerIsNotCalledOnceUnwatchedNotEvenInTheSameRound) {
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
  const Descriptor second_near(pair[0]);
  const Descriptor second_far(pair[1]);
  std::array<std::unique_ptr<CallOnReady>, 2> handlers;
  const std::array fds{near_.get(), second_near.get()};
  int calls = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    handlers[i] = std::make_unique<CallOnReady>([&, i](Readiness) {
      ++calls;
      loop_.Unwatch(fds[1 - i], *handlers[1 - i]);  // whoever is first takes the other one out
      handlers[1 - i].reset();
      loop_.Unwatch(fds[i], *handlers[i]);
      loop_.Stop();
    });
    ASSERT_TRUE(loop_.Watch(fds[i], Readiness::kWrite, *handlers[i]));
  }
  loop_.Run();
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, KnowsItsThread) {
  EXPECT_FALSE(loop_.OnLoopThread());
  loop_.Post([&] {
    EXPECT_TRUE(loop_.OnLoopThread());
    loop_.Stop();
  });
  loop_.Run();
  EXPECT_FALSE(loop_.OnLoopThread());
}

}  // namespace
}  // namespace itemgate
