#include "client/throttle.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include <gtest/gtest.h>

#include "base/random.h"

namespace itemgate::client {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000h};

/// A client that wants to send a thousand requests a second to a server that takes so many of them.
class Sender {
 public:
  explicit Sender(const RetryOptions& options = {}) : throttle_(options) {}

  /// How many are sent.
  int SendFor(Duration duration, const std::function<bool(Instant now)>& takes) {
    int sent = 0;
    for (const Instant end = now_ + duration; now_ < end; now_ += 1ms) {
      if (!throttle_.MaySend(now_, random_.Fraction())) continue;
      ++sent;
      if (takes(now_))
        throttle_.OnTaken(now_);
      else
        throttle_.OnRefused(now_);
    }
    return sent;
  }

 private:
  Throttle throttle_;
  Random random_{7};
  Instant now_ = kStart;
};

bool All(Instant /*now*/) { return true; }
bool None(Instant /*now*/) { return false; }

TEST(Throttle, SendsAllToAServerThatTakesHalf) {
  Sender sender;
  EXPECT_EQ(sender.SendFor(10s, All), 10'000);
  EXPECT_EQ(
      sender.SendFor(10s, [is_taken = false](Instant) mutable { return is_taken = !is_taken; }),
      10'000);
}

TEST(Throttle, SendsTenASecondToAServerThatTakesNothing) {
  Sender sender;
  (void)sender.SendFor(3s, None);
  EXPECT_NEAR(sender.SendFor(100s, None), 1000, 100);
}

TEST(Throttle, SendsAboutTwiceAsManyAsTheServerTakes) {
  Sender sender;
  Instant free_at{};  // from when on it has nothing to do: it queues at most half a second of work
  const auto takes_a_hundred_a_second = [&](Instant now) {
    if (free_at > now + 500ms) return false;
    free_at = std::max(free_at, now) + 10ms;
    return true;
  };
  (void)sender.SendFor(10s, takes_a_hundred_a_second);
  EXPECT_NEAR(sender.SendFor(100s, takes_a_hundred_a_second), 100 * (2 * 100 + 10), 2'000);
}

TEST(Throttle, IsGoneSoonAfterTheServerTakesAllAgain) {
  Sender sender;
  (void)sender.SendFor(60s, None);
  (void)sender.SendFor(6s, All);
  EXPECT_GE(sender.SendFor(1s, All), 990);
}

TEST(Throttle, NeverHoldsBackWhoSendsLittle) {
  Throttle throttle({});
  for (Instant now = kStart; now < kStart + 60s; now += 101ms) {
    EXPECT_TRUE(throttle.MaySend(now, 0));
    throttle.OnRefused(now);
  }
}

TEST(Throttle, WhatHasNoAnswerYetIsNotTakenForRefused) {
  Throttle throttle({});
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(throttle.MaySend(kStart, 0));
}

TEST(Throttle, CanBeSwitchedOff) {
  Sender sender({.throttle_multiplier = 0});
  EXPECT_EQ(sender.SendFor(10s, None), 10'000);
}

TEST(Throttle, OnlyCountsAnswersOfAServerWithTooMuchToDo) {
  for (const int status : {429, 503}) EXPECT_TRUE(Throttle::IsRefusal(status));
  for (const int status : {200, 201, 202, 400, 404, 409, 500, 502, 504, 507})
    EXPECT_FALSE(Throttle::IsRefusal(status)) << status;
}

}  // namespace
}  // namespace itemgate::client
