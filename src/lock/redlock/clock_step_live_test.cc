// Somebody sets this machine's time while locks are held and waited for. Of this program, the wall clock is what a
// test says: it replaces the C library's clock_gettime.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

#include "testing/redlock_fixture.h"

namespace itemgate {
namespace {

std::atomic<std::int64_t>& WallClockStep() {
  static std::atomic<std::int64_t> seconds_ahead = 0;
  return seconds_ahead;
}

}  // namespace
}  // namespace itemgate

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (clock == CLOCK_REALTIME) time->tv_sec += itemgate::WallClockStep();
  return result;
}

namespace itemgate {
namespace {

class ClockStep : public testing::Test {
 protected:
  ~ClockStep() override { WallClockStep() = 0; }
  SystemClock clock_;
};

TEST_F(ClockStep, ChangesNothingForHoldersAndForThoseWhoWait) {
  const RedisFleet fleet(3);
  const auto factory = ConnectTo(fleet);
  auto held = factory->CreateLock("held", milliseconds(600));
  ASSERT_TRUE(held->IsAcquired());
  const WallTime before = clock_.WallNow();
  for (const int step : {3'600, -3'600, 100'000'000, 0}) {
    WallClockStep() = step;
    EXPECT_LT(clock_.WallNow() - before - seconds(step), std::chrono::minutes(1));
    EXPECT_GT(clock_.WallNow() - before - seconds(step), -std::chrono::minutes(1));
    EXPECT_TRUE(held->IsAcquired());
    EXPECT_LE(held->remaining(), milliseconds(600));
    const int extended = held->extend_count();
    EXPECT_TRUE(Eventually([&] { return held->extend_count() > extended; }, seconds(5)));
    const Instant begin = clock_.Now();
    const auto waited = factory->CreateLock("held", {.wait = milliseconds(100),
                                                     .retry = milliseconds(20),
                                                     .deadline = RedLockDeadline::kStrict});
    EXPECT_EQ(waited->status(), RedLockStatus::kConflicted);
    EXPECT_LT(clock_.Now() - begin, seconds(1));
  }
  EXPECT_FALSE(held->lost_token().stop_requested());
}

TEST_F(ClockStep, DoesNotKeepALockBeyondItsExpiry) {
  const RedisFleet fleet(1);
  const auto factory = ConnectTo(fleet);
  auto lock = factory->CreateLock("ends", {.expiry = milliseconds(300), .renew = false});
  WallClockStep() = -3'600;
  EXPECT_TRUE(Eventually([&] { return !lock->IsAcquired(); }, seconds(2)));
  EXPECT_TRUE(factory->CreateLock("ends", seconds(1), seconds(5), milliseconds(20))->IsAcquired());
}

}  // namespace
}  // namespace itemgate
