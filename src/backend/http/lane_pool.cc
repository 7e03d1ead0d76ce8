#include "backend/http/lane_pool.h"

#include <algorithm>
#include <utility>

#include "base/duration_text.h"

namespace itemgate::backend {
namespace {

/// A connection that was idle for longer is not used again: the backend may be closing it, and what is sent then is
/// lost, or done without an answer. Shorter than any common server's patience.
constexpr Duration kIdleMax = std::chrono::seconds(1);

constexpr std::size_t kReceivedBytes = 16 << 10;  // at once

/// A call that has less of its time left than one part in so many is not begun any more: its answer would hardly come
/// in time, and nobody would know what became of it.
constexpr int kLastMoment = 20;

}  // namespace

LanePool::LanePool(const Parts& parts, Options options)
    : parts_(parts),
      options_(std::move(options)),
      numeric_(ResolveNumeric(options_.endpoint)),
      space_(kReceivedBytes) {}

LanePool::~LanePool() = default;

void LanePool::Start(Call call) {
  const std::uint64_t number = ++last_number_;
  calls_.emplace(
      number, UnderWay{.call = std::move(call), .deadline = parts_.clock.Now() + options_.timeout});
  waiting_.push_back(number);
  ArmTimer();
  ServeWaiting();
}

void LanePool::ServeWaiting() {
  while (!waiting_.empty()) {
    const std::uint64_t number = waiting_.front();
    if (HasTime(number)) {
      Lane* const lane = FindRoom();
      if (lane == nullptr) return;
      Assign(number, *lane);
    }
    waiting_.pop_front();
  }
}

bool LanePool::HasTime(std::uint64_t number) const {
  const auto call = calls_.find(number);
  return call != calls_.end() &&
         call->second.deadline - parts_.clock.Now() > options_.timeout / kLastMoment;
}

/// An idle lane, or a new one, or null.
Lane* LanePool::FindRoom() {
  while (!idle_.empty()) {
    Lane* const lane = idle_.back();
    if (parts_.clock.Now() - lanes_.at(lane).idle_since <= kIdleMax && lane->IsQuiet()) {
      idle_.pop_back();
      return lane;
    }
    Remove(*lane);
  }
  if (lanes_.size() >= options_.connections_max) return nullptr;
  LaneOwner& owner = *this;
  auto made = std::make_unique<Lane>(parts_.loop, owner, space_);
  Lane* const lane = made.get();
  lanes_.emplace(lane, Kept{.lane = std::move(made)});
  return lane;
}

void LanePool::Assign(std::uint64_t number, Lane& lane) {
  UnderWay& under_way = calls_.at(number);
  under_way.lane = &lane;
  lanes_.at(&lane).call = number;
  lane.Begin(under_way.call);
  if (!lane.is_open()) WantAddress(lane);
}

void LanePool::WantAddress(Lane& lane) {
  if (numeric_) return Connect(lane, *numeric_);
  addressless_.push_back(&lane);
  if (addressless_.size() > 1) return;  // it is being looked up
  parts_.resolver.Post([this] {
    parts_.loop.Post(
        [this, addresses = parts_.look_up(options_.endpoint)] { TakeAddresses(addresses); });
  });
}

void LanePool::TakeAddresses(const Result<std::vector<SocketAddress>>& addresses) {
  for (Lane* const lane : std::exchange(addressless_, {})) {
    if (addresses) {
      lanes_.at(lane).address = address_;
      Connect(*lane, (*addresses)[address_ % addresses->size()]);
    } else {
      lane->GiveUp("the backend cannot be reached: " + addresses.error().message);
    }
  }
}

void LanePool::Connect(Lane& lane, const SocketAddress& address) {
  if (!options_.tls) return lane.Connect(address, nullptr);
  auto session = options_.tls->NewSession(options_.endpoint.host);
  if (!session) return lane.GiveUp(session.error().message);
  lane.Connect(address, *std::move(session));
}

void LanePool::CallEnded(Lane& lane, Verdict verdict) {
  Kept& kept = lanes_.at(&lane);
  auto call = calls_.extract(std::exchange(kept.call, 0));
  if (lane.is_open()) {
    kept.idle_since = parts_.clock.Now();
    idle_.push_back(&lane);
  } else {
    if (!lane.was_up() && kept.address == address_) ++address_;
    Remove(lane);
  }
  if (!waiting_.empty()) ServeSoon();
  call.mapped().call.done(std::move(verdict));
}

/// Not now, for a new lane can fail at once, and this may be what another one's failure began.
void LanePool::ServeSoon() {
  parts_.loop.Post([this] { ServeWaiting(); });
}

void LanePool::Remove(Lane& lane) {
  std::erase(idle_, &lane);
  std::erase(addressless_, &lane);
  lane.Close();
  // It may be what called this.
  parts_.loop.Post([gone = lanes_.extract(&lane)] {});
}

void LanePool::ArmTimer() {
  if (is_timer_armed_ || calls_.empty()) return;
  is_timer_armed_ = true;
  parts_.loop.PostAfter(calls_.begin()->second.deadline - parts_.clock.Now(), [this] {
    is_timer_armed_ = false;
    Expire();
    ArmTimer();
  });
}

void LanePool::Expire() {
  const std::string limit = DurationText(options_.timeout);
  while (!calls_.empty() && calls_.begin()->second.deadline <= parts_.clock.Now()) {
    if (Lane* const lane = calls_.begin()->second.lane) {
      lane->GiveUp("the backend did not answer within " + limit);
      continue;
    }
    auto call = calls_.extract(calls_.begin());
    call.mapped().call.done(
        Fail(ErrorCode::kFailed,
             "no connection to the backend was free within " + limit + "; nothing was sent"));
  }
}

}  // namespace itemgate::backend
