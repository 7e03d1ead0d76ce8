#include "postgres/breaker.h"

#include <gtest/gtest.h>

namespace itemgate::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Breaker::Options kOptions{.delay_min = 100ms, .delay_max = 1s, .failures_to_open = 3};
constexpr Instant kStart{1h};

TEST(Breaker, TriesAtOnceAtFirst) {
  const Breaker breaker(kOptions, 1);
  EXPECT_TRUE(breaker.MayTry(kStart));
  EXPECT_FALSE(breaker.is_open());
}

TEST(Breaker, WaitsTwiceAsLongEachTimeUpToItsBound) {
  Breaker breaker(kOptions, 1);
  for (const Duration longest : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    breaker.Failed(kStart);
    EXPECT_GE(breaker.next_try() - kStart, longest / 2);
    EXPECT_LE(breaker.next_try() - kStart, longest);
    EXPECT_FALSE(breaker.MayTry(breaker.next_try() - 1ns));
    EXPECT_TRUE(breaker.MayTry(breaker.next_try()));
  }
}

TEST(Breaker, OpensAfterSoManyFailuresInARow) {
  Breaker breaker(kOptions, 1);
  breaker.Failed(kStart);
  breaker.Failed(kStart);
  EXPECT_FALSE(breaker.is_open());
  breaker.Failed(kStart);
  EXPECT_TRUE(breaker.is_open());
  breaker.Succeeded();
  EXPECT_FALSE(breaker.is_open());
  EXPECT_TRUE(breaker.MayTry(kStart));
}

TEST(Breaker, TwoClientsDoNotComeBackTogether) {
  Breaker one(kOptions, 1);
  Breaker other(kOptions, 2);
  one.Failed(kStart);
  other.Failed(kStart);
  EXPECT_NE(one.next_try(), other.next_try());
}

}  // namespace
}  // namespace itemgate::postgres
