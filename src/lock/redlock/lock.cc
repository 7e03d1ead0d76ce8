// RedLock: what the owner of a lock sees of it.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "lock/redlock/latch.h"
#include "lock/redlock/lock_entry.h"
#include "lock/redlock/loop_thread.h"

namespace itemgate {

using redlock::LockEntry;
using redlock::LockSnapshot;

std::string_view RedLockStatusName(RedLockStatus status) {
  switch (status) {
    case RedLockStatus::kUnlocked:
      return "Unlocked";
    case RedLockStatus::kAcquired:
      return "Acquired";
    case RedLockStatus::kNoQuorum:
      return "NoQuorum";
    case RedLockStatus::kConflicted:
      return "Conflicted";
    case RedLockStatus::kExpired:
      return "Expired";
  }
  return "Unknown";
}

std::string RedLockInstanceSummary::ToString() const {
  return "Acquired: " + std::to_string(acquired) + ", Conflicted: " + std::to_string(conflicted) +
         ", Error: " + std::to_string(error);
}

int RedLockConfigurationChange::ConnectedCount() const {
  return static_cast<int>(std::ranges::count_if(instances, [](const RedLockInstance& instance) {
    return instance.is_connected && !instance.is_duplicate;
  }));
}

namespace redlock {

std::stop_token LockEntry::lost_token() {
  const MutexLock lock(mu_);
  if (!stop_) {
    stop_.emplace();
    const bool was_held = snapshot_.valid_until != Instant{};
    if (snapshot_.loss_reason || !was_held) stop_->request_stop();  // nobody listens yet
  }
  return stop_->get_token();
}

void LockEntry::Publish() {
  std::optional<std::stop_source> lost;
  {
    const MutexLock lock(mu_);
    const bool was_lost = snapshot_.loss_reason.has_value();
    snapshot_ = {.status = protocol.status(),
                 .summary = protocol.summary(),
                 .extend_count = protocol.extend_count(),
                 .valid_until = protocol.valid_until(),
                 .loss_reason = protocol.loss_reason()};
    if (snapshot_.loss_reason && !was_lost) lost = stop_;
  }
  if (lost) lost->request_stop();  // runs callbacks
}

}  // namespace redlock

RedLock::RedLock(std::shared_ptr<LockEntry> entry) : entry_(std::move(entry)) {}
RedLock::RedLock(RedLock&&) noexcept = default;

RedLock& RedLock::operator=(RedLock&& other) noexcept {
  RedLock old = std::move(*this);  // releases it
  entry_ = std::move(other.entry_);
  return *this;
}

RedLock::~RedLock() {
  if (entry_) ReleaseAsync({});
}

const std::string& RedLock::resource() const { return entry_->resource; }
const std::string& RedLock::lock_id() const { return entry_->id; }

bool RedLock::IsAcquired() const {
  const LockSnapshot now = entry_->snapshot();
  return now.status == RedLockStatus::kAcquired && SystemClock().Now() < now.valid_until;
}

RedLockStatus RedLock::status() const { return entry_->snapshot().status; }
RedLockInstanceSummary RedLock::instance_summary() const { return entry_->snapshot().summary; }
int RedLock::extend_count() const { return entry_->snapshot().extend_count; }

std::chrono::steady_clock::time_point RedLock::deadline() const {
  return entry_->snapshot().valid_until;
}

std::chrono::nanoseconds RedLock::remaining() const {
  const LockSnapshot now = entry_->snapshot();
  if (now.status != RedLockStatus::kAcquired) return {};
  return std::max(now.valid_until - SystemClock().Now(), Duration::zero());
}

std::stop_token RedLock::lost_token() const { return entry_->lost_token(); }
std::optional<RedLockLossReason> RedLock::loss_reason() const {
  return entry_->snapshot().loss_reason;
}

void RedLock::ReleaseAsync(std::function<void(RedLockRelease)> done) {
  entry_->is_abandoned = true;
  const auto home = entry_->home.lock();
  const bool posted = home && home->Post([engine = &home->engine(), entry = entry_, done] {
    engine->Release(*entry, done);
  });
  if (!posted && done) done({});
}

RedLockRelease RedLock::Release() {
  if (const auto home = entry_->home.lock()) ITEMGATE_CHECK(!home->OnThread());  // which answers
  RedLockRelease release;
  redlock::Latch latch(1);
  ReleaseAsync([&](RedLockRelease how) {
    release = how;
    latch.CountDown();
  });
  latch.Wait();
  return release;
}

}  // namespace itemgate
