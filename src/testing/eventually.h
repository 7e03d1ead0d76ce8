#pragma once

#include <chrono>
#include <thread>

#include "base/clock.h"

namespace itemgate {

/// Looks again and again until it holds; false after a time that is much too long.
template <typename Condition>
bool Eventually(Condition condition, Duration patience = std::chrono::seconds(30)) {
  const SystemClock clock;
  for (const Instant end = clock.Now() + patience; clock.Now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(200));  // others need the core, too
  }
  return condition();
}

}  // namespace itemgate
