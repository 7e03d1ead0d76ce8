#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "net/descriptor.h"

namespace itemgate {

/// Wakes one sleeper, by a descriptor that it polls. Any thread, except where it says that it is the sleeper's.
class WakeUp {
 public:
  /// Aborts if the process is out of descriptors.
  WakeUp();

  /// Ready for reading once for each wake-up, edge-triggered; never to be read.
  [[nodiscard]] int descriptor() const { return event_.get(); }

  /// The sleeper's: what it looks at from here on decides whether it sleeps.
  void FallAsleep() { asleep_ = true; }
  void StayAwake() { asleep_ = false; }

  [[nodiscard]] bool is_asleep() const { return asleep_; }
  /// After there is something to do. Costs a system call only if the sleeper is asleep and nobody has woken it yet.
  void Wake();

 private:
  const Descriptor event_;
  // True from before the sleeper looks for work for the last time until it wakes; whoever makes it false wakes it.
  // Sequentially consistent, together with what guards the work.
  std::atomic<bool> asleep_ = false;
};

/// While this exists, those whom its thread would wake are woken at its end, or in between when much was given: once
/// for all of it. A sleeper that is woken may take the processor away at once, and each time again.
///
/// One inside another changes nothing. REQUIRES: its thread does not wait for what they do.
class HeldWakeUps {
 public:
  HeldWakeUps();
  ~HeldWakeUps();
  HeldWakeUps(const HeldWakeUps&) = delete;
  HeldWakeUps& operator=(const HeldWakeUps&) = delete;

  /// Wakes the sleeper: at once, unless this thread holds wake-ups back.
  static void Wake(const std::shared_ptr<WakeUp>& sleeper);

 private:
  void Hold(const std::shared_ptr<WakeUp>& sleeper);
  void WakeAll();

  std::vector<std::shared_ptr<WakeUp>> sleepers_;
  std::size_t held_ = 0;  // for them since they were woken
};

}  // namespace itemgate
