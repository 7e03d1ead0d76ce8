#include "net/wake_up.h"

#include <poll.h>

#include <memory>

#include <gtest/gtest.h>

namespace itemgate {
namespace {

/// One that polls for its wake-ups.
class Sleeper {
 public:
  Sleeper() { wake_up->FallAsleep(); }

  [[nodiscard]] bool is_woken() const {
    pollfd waiting{.fd = wake_up->descriptor(), .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) == 1;
  }

  const std::shared_ptr<WakeUp> wake_up = std::make_shared<WakeUp>();
};

TEST(WakeUp, WakesWhoIsAsleepAndCostsNothingElse) {
  const Sleeper asleep;
  Sleeper awake;
  awake.wake_up->StayAwake();
  HeldWakeUps::Wake(asleep.wake_up);
  HeldWakeUps::Wake(awake.wake_up);
  EXPECT_TRUE(asleep.is_woken());
  EXPECT_FALSE(asleep.wake_up->is_asleep());
  EXPECT_FALSE(awake.is_woken());
}

TEST(HeldWakeUps, WakesEachAtItsEnd) {
  const Sleeper one;
  const Sleeper other;
  {
    const HeldWakeUps held;
    HeldWakeUps::Wake(one.wake_up);
    HeldWakeUps::Wake(other.wake_up);
    HeldWakeUps::Wake(one.wake_up);
    EXPECT_FALSE(one.is_woken());
    EXPECT_FALSE(other.is_woken());
  }
  EXPECT_TRUE(one.is_woken());
  EXPECT_TRUE(other.is_woken());
}

TEST(HeldWakeUps, OneInsideAnotherWakesNobody) {
  const Sleeper sleeper;
  {
    const HeldWakeUps held;
    {
      const HeldWakeUps inside;
      HeldWakeUps::Wake(sleeper.wake_up);
    }
    EXPECT_FALSE(sleeper.is_woken());
  }
  EXPECT_TRUE(sleeper.is_woken());
}

TEST(HeldWakeUps, DoesNotLetWorkForManyWait) {
  const Sleeper sleeper;
  const HeldWakeUps held;
  for (int i = 0; i < 1000; ++i) HeldWakeUps::Wake(sleeper.wake_up);
  EXPECT_TRUE(sleeper.is_woken());
}

TEST(HeldWakeUps, OutlivesTheSleeper) {
  const HeldWakeUps held;
  {
    const Sleeper sleeper;
    HeldWakeUps::Wake(sleeper.wake_up);
  }
}

}  // namespace
}  // namespace itemgate
