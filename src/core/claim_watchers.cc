#include "core/claim_watchers.h"

#include <utility>
#include <vector>

#include "itemgate/claim_store.h"

namespace itemgate {

ClaimWatchers::Watch::Watch(std::shared_ptr<ClaimWatchers> watchers, const ContentKey& key)
    : watchers_(std::move(watchers)),
      number_(ClaimNumber(key)),
      waiter_(std::make_shared<Waiter>()) {
  const MutexLock lock(watchers_->mutex_);
  watchers_->waiters_.emplace(number_, waiter_);
}

ClaimWatchers::Watch::~Watch() {
  const MutexLock lock(watchers_->mutex_);
  const auto [first, last] = watchers_->waiters_.equal_range(number_);
  for (auto at = first; at != last; ++at) {
    if (at->second != waiter_) continue;
    watchers_->waiters_.erase(at);
    return;
  }
}

void ClaimWatchers::Watch::Begin(Duration time, std::move_only_function<void(bool)> done) {
  const MutexLock lock(waiter_->mutex);
  if (std::exchange(waiter_->has_changed, false)) {
    watchers_->executor_.Post([done = std::move(done)]() mutable { done(true); });
    return;
  }
  waiter_->waiting = std::move(done);
  // One that starts in spite of being taken back ends the next pause early, which costs a look.
  waiter_->timer = watchers_->executor_.PostAfter(time, [waiter = waiter_] {
    std::move_only_function<void(bool)> waiting;
    {
      const MutexLock taking(waiter->mutex);
      waiting = std::exchange(waiter->waiting, nullptr);
    }
    if (waiting) waiting(false);
  });
}

void ClaimWatchers::Changed(std::optional<std::uint64_t> number) {
  std::vector<std::shared_ptr<Waiter>> woken;
  {
    const MutexLock lock(mutex_);
    const auto [first, last] =
        number ? waiters_.equal_range(*number) : std::pair(waiters_.begin(), waiters_.end());
    for (auto at = first; at != last; ++at) woken.push_back(at->second);
  }
  for (const auto& waiter : woken) Wake(*waiter);
}

void ClaimWatchers::Wake(Waiter& waiter) {
  std::move_only_function<void(bool)> waiting;
  TimerId timer{};
  {
    const MutexLock lock(waiter.mutex);
    waiting = std::exchange(waiter.waiting, nullptr);
    waiter.has_changed = !waiting;
    timer = waiter.timer;
  }
  if (!waiting) return;
  executor_.Cancel(timer);
  executor_.Post([waiting = std::move(waiting)]() mutable { waiting(true); });
}

}  // namespace itemgate
