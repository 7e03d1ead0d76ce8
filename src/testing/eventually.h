#pragma once

#include <chrono>
#include <thread>

#include "base/clock.h"

namespace itemgate {

/// Waits until it holds; false after a time that is much too long.
template <typename Condition>
bool Eventually(Condition condition, Duration patience = std::chrono::seconds(30)) {
  const SystemClock clock;
  for (const Instant end = clock.Now() + patience; clock.Now() < end; std::this_thread::yield())
    if (condition()) return true;
  return condition();
}

}  // namespace itemgate
