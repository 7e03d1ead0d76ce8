#include "client/retry.h"

#include <chrono>

#include <gtest/gtest.h>

namespace itemgate::client {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000h};

/// How many retries it gives out at that time.
int TakeAll(RetryBudget& budget, Instant now) {
  int count = 0;
  while (budget.TryTake(now)) ++count;
  return count;
}

TEST(RetryBudget, IsAShareOfTheCallsAndSomeForEachSecond) {
  RetryBudget budget({.budget_share = 0.2, .budget_per_second = 10});
  for (int i = 0; i < 1000; ++i) budget.OnCall(kStart);
  EXPECT_EQ(TakeAll(budget, kStart), 10 * 10 + 200);
}

TEST(RetryBudget, CoversTheLastTenSeconds) {
  RetryBudget budget({.budget_share = 0.2, .budget_per_second = 1});
  for (int i = 0; i < 100; ++i) budget.OnCall(kStart);
  EXPECT_EQ(TakeAll(budget, kStart + 9s), 10 + 20);
  EXPECT_EQ(TakeAll(budget, kStart + 10s), 0);  // the calls are over, the retries are not
  EXPECT_EQ(TakeAll(budget, kStart + 18s), 0);
  EXPECT_EQ(TakeAll(budget, kStart + 19s), 10);
  EXPECT_EQ(TakeAll(budget, kStart + 24h), 10);
}

TEST(RetryBudget, LeavesNothingIfThereIsNone) {
  RetryBudget budget({.budget_share = 0, .budget_per_second = 0});
  for (int i = 0; i < 1000; ++i) budget.OnCall(kStart);
  EXPECT_EQ(TakeAll(budget, kStart), 0);
}

TEST(RetryBudget, NeverLetsRetriesMultiplyTheLoad) {
  RetryBudget budget({.budget_share = 0.2, .budget_per_second = 10});
  int calls = 0;
  int retries = 0;
  for (Instant now = kStart; now < kStart + 60s; now += 1ms, ++calls) {
    budget.OnCall(now);  // each fails, and would be tried again for ever
    retries += TakeAll(budget, now);
  }
  EXPECT_LE(retries, calls / 5 + (60 + 10) * 10);
  EXPECT_GE(retries, calls / 5);
}

TEST(BackoffDelay, LiesBetweenNothingAndTwiceAsMuchAsBefore) {
  const RetryOptions options{.backoff_min = 100ms, .backoff_max = 1s};
  EXPECT_EQ(BackoffDelay(options, 0, 0, {}), 0ms);
  EXPECT_EQ(BackoffDelay(options, 0, 0.5, {}), 50ms);
  EXPECT_EQ(BackoffDelay(options, 2, 0.5, {}), 200ms);
  EXPECT_EQ(BackoffDelay(options, 5, 0.5, {}), 500ms);
  EXPECT_EQ(BackoffDelay(options, 4'000'000, 0.5, {}), 500ms);
}

TEST(BackoffDelay, WaitsAtLeastAsLongAsTheServerAsksFor) {
  const RetryOptions options{.backoff_min = 100ms};
  EXPECT_EQ(BackoffDelay(options, 0, 0, 3s), 3s);
  EXPECT_EQ(BackoffDelay(options, 0, 0.5, 3s), 3050ms);
}

TEST(IsRetryable, IsWhatMayGoBetterAnotherTime) {
  for (const int status : {408, 429, 500, 502, 503, 504}) EXPECT_TRUE(IsRetryable(status));
  for (const int status : {200, 201, 202, 400, 404, 409, 412, 413, 422, 501, 505, 507})
    EXPECT_FALSE(IsRetryable(status)) << status;
}

TEST(ParseRetryAfter, TakesSecondsUpToAnHour) {
  EXPECT_EQ(ParseRetryAfter("0"), 0s);
  EXPECT_EQ(ParseRetryAfter("17"), 17s);
  EXPECT_EQ(ParseRetryAfter("3601"), 1h);
  EXPECT_EQ(ParseRetryAfter("99999999999999999999"), 1h);
  for (const char* text : {"", "-1", "1.5", "1s", "Wed, 21 Oct 2015 07:28:00 GMT"})
    EXPECT_EQ(ParseRetryAfter(text), std::nullopt) << text;
}

}  // namespace
}  // namespace itemgate::client
