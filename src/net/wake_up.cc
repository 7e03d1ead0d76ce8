#include "net/wake_up.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "base/check.h"

namespace itemgate {
namespace {

// Enough to be worth a wake-up; so few that a sleeper with a processor of its own does not wait for long.
constexpr std::size_t kHeldMax = 64;

thread_local HeldWakeUps* holder = nullptr;

}  // namespace

WakeUp::WakeUp() : event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  ITEMGATE_CHECK(event_.is_open());
}

void WakeUp::Wake() {
  if (!asleep_.exchange(false)) return;
  const std::uint64_t one = 1;
  // Each value that is written is an event of its own, so nobody reads them; there is room for 2^64.
  [[maybe_unused]] const auto written = write(event_.get(), &one, sizeof one);
}

HeldWakeUps::HeldWakeUps() {
  if (holder == nullptr) holder = this;
}

HeldWakeUps::~HeldWakeUps() {
  if (holder != this) return;
  holder = nullptr;
  WakeAll();
}

void HeldWakeUps::Wake(const std::shared_ptr<WakeUp>& sleeper) {
  if (holder == nullptr)
    sleeper->Wake();
  else if (sleeper->is_asleep())
    holder->Hold(sleeper);
}

void HeldWakeUps::Hold(const std::shared_ptr<WakeUp>& sleeper) {
  if (std::ranges::find(sleepers_, sleeper) == sleepers_.end()) sleepers_.push_back(sleeper);
  if (++held_ >= kHeldMax) WakeAll();
}

void HeldWakeUps::WakeAll() {
  for (const auto& sleeper : sleepers_) sleeper->Wake();
  sleepers_.clear();
  held_ = 0;
}

}  // namespace itemgate
