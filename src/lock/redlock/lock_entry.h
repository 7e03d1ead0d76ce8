#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "itemgate/redlock.h"
#include "lock/redlock/protocol.h"
#include "lock/redlock/timer_wheel.h"

namespace itemgate::redlock {

class LoopThread;

/// What everybody may know of a lock.
struct LockSnapshot {
  RedLockStatus status = RedLockStatus::kUnlocked;
  RedLockInstanceSummary summary;
  int extend_count = 0;
  Instant valid_until{};
  std::optional<RedLockLossReason> loss_reason;
};

/// One lock: what its owner sees of it, from any thread, and what the engine knows, on its own thread only.
class LockEntry final : public WheelEntry {
 public:
  using Done = std::move_only_function<void(Result<RedLock>)>;

  LockEntry(std::string the_resource, std::string the_key, const Plan& plan, Random& random)
      : resource(std::move(the_resource)), key(std::move(the_key)), protocol(plan, random) {}

  [[nodiscard]] LockSnapshot snapshot() const EXCLUDES(mu_) {
    const MutexLock lock(mu_);
    return snapshot_;
  }
  [[nodiscard]] std::stop_token lost_token() EXCLUDES(mu_);

  /// On the engine's thread: shows what the protocol knows now. A loss requests the stop, here.
  void Publish() EXCLUDES(mu_);

  // Constant after construction; the id from the beginning of the first attempt.
  const std::string resource;
  const std::string key;
  std::string id;
  std::weak_ptr<LoopThread> home;  // weak: a lock may outlive its factory
  std::function<void(RedLockLossReason)> on_lost;

  std::atomic<bool> is_abandoned =
      false;  // its owner is gone, or has released it: hears of no loss

  // The engine's.
  LockProtocol protocol;
  Done done;  // until it was called
  std::vector<std::function<void(RedLockRelease)>> releases;
  std::stop_token cancellation;
  std::optional<std::stop_callback<std::function<void()>>> on_cancel;
  int unanswered =
      0;  // questions, also those that are not sent yet; while there are any, or work left, the engine keeps the lock
  std::size_t index = 0;     // among the engine's locks
  bool is_waiting = false;   // among the engine's waiters
  bool is_woken = false;     // by a hint, while it waited
  bool is_cleaning = false;  // counted as such by the engine

 private:
  mutable Mutex mu_;
  LockSnapshot snapshot_ GUARDED_BY(mu_);
  std::optional<std::stop_source> stop_ GUARDED_BY(mu_);  // made when it is asked for
};

}  // namespace itemgate::redlock
