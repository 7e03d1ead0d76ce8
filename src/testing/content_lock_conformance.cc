#include "testing/content_lock_conformance.h"

#include <atomic>
#include <chrono>
#include <future>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace itemgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::chrono::minutes kPatience{1};

}  // namespace

ContentLockConformance::Acquired ContentLockConformance::Acquire(std::string_view name,
                                                                 const AcquireOptions& options) {
  // Shared with the callback, which may come late.
  const auto answer = std::make_shared<std::promise<Acquired>>();
  auto future = answer->get_future();
  lock().Acquire(name, options, [answer](Acquired lease) { answer->set_value(std::move(lease)); });
  if (future.wait_for(kPatience) != std::future_status::ready) {
    ADD_FAILURE() << "no answer";
    return Fail(ErrorCode::kUnavailable, "no answer");
  }
  return future.get();
}

namespace {

TEST_P(ContentLockConformance, GrantsWhatIsFreeAndNothingElse) {
  const auto lease = Acquire("a");
  ASSERT_TRUE(lease.has_value()) << lease.error().message;
  EXPECT_EQ(Acquire("a").error().code, ErrorCode::kBusy);
  EXPECT_TRUE(Acquire("b").has_value());
}

TEST_P(ContentLockConformance, IsNotReentrant) {
  const auto lease = Acquire("a");
  EXPECT_EQ(Acquire("a", {.wait = milliseconds(50)}).error().code, ErrorCode::kBusy);
}

TEST_P(ContentLockConformance, WhatIsGivenBackIsFreeSoon) {
  for (int i = 0; i < 20; ++i) {
    const auto lease = Acquire("a", {.wait = seconds(30)});
    ASSERT_TRUE(lease.has_value()) << lease.error().message;
  }
}

TEST_P(ContentLockConformance, ALeaseIsHeldAndNotLost) {
  const auto lease = Acquire("a");
  ASSERT_TRUE(lease.has_value());
  EXPECT_FALSE((*lease)->LostToken().stop_requested());
  const auto deadline = (*lease)->Deadline();
  EXPECT_TRUE(!deadline || *deadline > SystemClock().Now());
}

TEST_P(ContentLockConformance, NamesAreBytes) {
  std::vector<Acquired> leases;
  for (const std::string& name :
       {std::string("a"), std::string("A"), std::string("a "), std::string("a\0", 2),
        std::string("{a}"), std::string("\xFF\r\n"), std::string(300, 'x')}) {
    leases.push_back(Acquire(name));
    EXPECT_TRUE(leases.back().has_value());
  }
}

TEST_P(ContentLockConformance, WhoWaitsGetsItWhenItIsGivenBack) {
  auto lease = Acquire("a");
  std::promise<bool> granted;
  lock().Acquire("a", {.wait = seconds(60)},
                 [&](Acquired waited) { granted.set_value(waited.has_value()); });
  auto answer = granted.get_future();
  EXPECT_EQ(answer.wait_for(milliseconds(200)), std::future_status::timeout);
  lease->reset();
  ASSERT_EQ(answer.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(answer.get());
}

TEST_P(ContentLockConformance, WaitsNoLongerThanItWas) {
  const auto lease = Acquire("a");
  const Instant begin = SystemClock().Now();
  EXPECT_EQ(Acquire("a", {.wait = milliseconds(200)}).error().code, ErrorCode::kBusy);
  const Duration waited = SystemClock().Now() - begin;
  EXPECT_GE(waited, milliseconds(190));
  EXPECT_LT(waited, seconds(2));
}

TEST_P(ContentLockConformance, AWaitThatIsCancelledEndsAndLeavesNothing) {
  auto lease = Acquire("a");
  std::stop_source stop;
  std::jthread canceller([&] { stop.request_stop(); });
  const auto cancelled = Acquire("a", {.wait = seconds(60), .cancellation = stop.get_token()});
  ASSERT_FALSE(cancelled.has_value());
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(Acquire("b", {.cancellation = stop.get_token()}).error().code, ErrorCode::kCancelled);
  lease->reset();
  EXPECT_TRUE(Acquire("a", {.wait = seconds(30)}).has_value());
  EXPECT_TRUE(Acquire("b", {.wait = seconds(30)}).has_value());
}

TEST_P(ContentLockConformance, NoTwoHoldOneNameAtATime) {
  constexpr int kThreads = 8;
  constexpr int kTurns = 10;
  std::atomic<int> inside = 0;
  std::atomic<int> turns = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < kTurns; ++turn) {
        const auto lease = Acquire("crowd", {.wait = seconds(60)});
        if (!lease) continue;
        EXPECT_EQ(inside.fetch_add(1), 0);
        std::this_thread::yield();
        inside.fetch_sub(1);
        ++turns;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(turns, kThreads * kTurns);
}

TEST_P(ContentLockConformance, ManyNamesDoNotWaitForEachOther) {
  std::vector<Acquired> leases;
  for (int i = 0; i < 200; ++i) {
    leases.push_back(Acquire("many" + std::to_string(i)));
    EXPECT_TRUE(leases.back().has_value());
  }
}

}  // namespace
}  // namespace itemgate
