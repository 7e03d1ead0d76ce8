#include "core/save_call.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace itemgate {
namespace {

Outcome OutcomeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTooLarge:
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotCanonical:
      return Outcome::kRejected;
    case ErrorCode::kUnavailable:
    case ErrorCode::kBusy:
      return Outcome::kUnavailable;
    case ErrorCode::kUnknown:
    case ErrorCode::kParked:
      return Outcome::kUnknown;
    default:
      return Outcome::kFailed;
  }
}

}  // namespace

SaveResult Refused(Error error) {
  const Outcome outcome = OutcomeOf(error.code);
  return {.outcome = outcome, .error = std::move(error)};
}

std::vector<InFlightSave> OldestSaves(const InFlightTable& table, std::size_t saves_max) {
  const auto older = [](const InFlightSave& left, const InFlightSave& right) {
    return left.since < right.since;
  };
  std::vector<InFlightSave> oldest;  // a heap, the youngest of them on top
  if (saves_max == 0) return oldest;
  table.VisitOwners([&](const InFlightEntry& owner, std::size_t joined_count) {
    const auto& saving = static_cast<const Saving&>(owner);
    if (oldest.size() == saves_max) {
      if (saving.since >= oldest.front().since) return;
      std::ranges::pop_heap(oldest, older);
      oldest.pop_back();
    }
    oldest.push_back({.key = saving.key,
                      .since = saving.since,
                      .sender = std::string(saving.sender),
                      .waiters = joined_count});
    std::ranges::push_heap(oldest, older);
  });
  std::ranges::sort_heap(oldest, older);
  return oldest;
}

SaveCall::SaveCall(Host& host, std::span<Saving> savings)
    : host_(host), savings_(savings), unanswered_(savings.size() + 1) {
  for (Saving& saving : savings) saving.call = this;
}

std::size_t SaveCall::content_bytes() const {
  std::size_t bytes = 0;
  for (const Saving& saving : savings_) bytes += saving.insertion.content.size();
  return bytes;
}

void SaveCall::Release() {
  // Release: what was written about a saving; acquire: whoever ends the call sees it all.
  if (unanswered_.fetch_sub(1, std::memory_order_acq_rel) == 1) End(host_);
}

void WaitingCall::End(Host&) {
  if (wakes_itself_) {
    state_.store(kEnded, std::memory_order_release);
    state_.notify_one();
  }
  state_.store(kLeft, std::memory_order_release);
}

void WaitingCall::Wait(const Bell* bell) {
  AwaitEnd(bell);
  host().FreeRoom(*this);
  host().CallEnded();
}

void WaitingCall::AwaitEnd(const Bell* bell) const {
  if (bell != nullptr && !wakes_itself_) {
    const auto ended = [this] { return state_.load(std::memory_order_acquire) == kLeft; };
    for (auto heard = bell->Listen(); !ended(); heard = bell->Listen()) bell->Wait(heard);
    return;
  }
  state_.wait(kRunning, std::memory_order_acquire);
  while (state_.load(std::memory_order_acquire) != kLeft) std::this_thread::yield();
}

void DetachedCalls::Add(DetachedCall& call) {
  const MutexLock lock(mutex_);
  call.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &call;
  first_ = &call;
}

void DetachedCalls::Remove(DetachedCall& call) {
  const MutexLock lock(mutex_);
  (call.previous_ != nullptr ? call.previous_->next_ : first_) = call.next_;
  if (call.next_ != nullptr) call.next_->previous_ = call.previous_;
}

std::vector<std::shared_ptr<DetachedCall>> DetachedCalls::All() const {
  std::vector<std::shared_ptr<DetachedCall>> calls;
  const MutexLock lock(mutex_);
  for (DetachedCall* call = first_; call != nullptr; call = call->next_)
    calls.push_back(call->shared_from_this());
  return calls;
}

DetachedCall::DetachedCall(Host& host, DetachedCalls& calls, Given given,
                           std::unique_ptr<Saving[]> storage)
    : SaveCall(host, {storage.get(), given.contents.size()}),
      calls_(calls),
      given_(std::move(given)),
      storage_(std::move(storage)) {
  for (std::size_t i = 0; i < given_.contents.size(); ++i) {
    storage_[i].insertion.content = given_.contents[i];
    storage_[i].insertion.media_type = given_.media_type;
    storage_[i].sender = given_.sender;
  }
}

std::shared_ptr<DetachedCall> DetachedCall::Create(Host& host, DetachedCalls& calls, Given given) {
  auto storage = std::make_unique<Saving[]>(given.contents.size());
  std::shared_ptr<DetachedCall> call(
      new DetachedCall(host, calls, std::move(given), std::move(storage)));
  call->self_ = call;
  return call;
}

void DetachedCall::StartTimer(Executor& executor, Duration delay, Executor::Task due) {
  executor_ = &executor;
  timer_ = executor.PostAfter(delay, std::move(due));
}

void DetachedCall::AnswerCaller() {
  if (caller_answered_.exchange(true, std::memory_order_acq_rel)) return;
  std::vector<SaveResult> results;
  results.reserve(savings().size());
  for (const Saving& saving : savings()) {
    const bool known = saving.answered.load(std::memory_order_acquire);
    results.push_back(known ? saving.result : SaveResult{.outcome = Outcome::kInProgress});
  }
  given_.done(std::move(results));
}

void DetachedCall::End(Host& host) {
  calls_.Remove(*this);
  const std::shared_ptr<DetachedCall> self = std::move(self_);
  if (executor_ != nullptr && executor_->Cancel(timer_)) host.TimerCancelled();
  host.FreeRoom(*this);
  AnswerCaller();
  host.CallEnded();
}

}  // namespace itemgate
