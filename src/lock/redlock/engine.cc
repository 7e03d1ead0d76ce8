#include "lock/redlock/engine.h"

#include <algorithm>
#include <utility>

namespace itemgate::redlock {
namespace {

constexpr Duration kLookAgain = std::chrono::milliseconds(2);
constexpr const char* kClosing = "the factory is being closed";
constexpr std::size_t kUnlocksMax = 64;  // in a command: a server does nothing else meanwhile

}  // namespace

Engine::Engine(EventLoop& loop, const Clock& clock, EngineOptions options)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      random_(UnpredictableSeed()),
      ids_(options_.id_style),
      run_ids_(options_.end_points.size()) {}

void Engine::Begin(const std::shared_ptr<LockEntry>& lock) {
  if (closed_ || lock->cancellation.stop_requested()) {
    AnswerLater([lock, is_closing = static_cast<bool>(closed_)] {
      std::exchange(lock->done, {})(is_closing ? Fail(ErrorCode::kUnavailable, kClosing)
                                               : Fail(ErrorCode::kCancelled, "cancelled"));
    });
    return;
  }
  lock->id = ids_.Next();
  lock->index = locks_.size();
  locks_.push_back(lock);
  if (lock->cancellation.stop_possible()) {
    // Weak: the callback belongs to the lock. It runs on the thread that cancels.
    lock->on_cancel.emplace(lock->cancellation, [this, weak = std::weak_ptr(lock)] {
      loop_.Post([this, weak] {
        if (const auto cancelled = weak.lock(); cancelled && cancelled->done) Cancel(*cancelled);
      });
    });
  }
  Apply(*lock, lock->protocol.Start(clock_.Now()));
}

void Engine::Cancel(LockEntry& lock) { Apply(lock, lock.protocol.Cancel(clock_.Now())); }

void Engine::Release(LockEntry& lock, std::function<void(RedLockRelease)> done) {
  if (done) lock.releases.push_back(std::move(done));
  Apply(lock, lock.protocol.Release(clock_.Now()));
}

void Engine::Apply(LockEntry& lock, const Step& step) {
  ++applying_;
  if (!step.set.empty()) Send(lock, Question::Kind::kSet, step.set);
  if (!step.extend.empty()) Send(lock, Question::Kind::kExtend, step.extend);
  if (!step.unlock.empty()) Send(lock, Question::Kind::kUnlock, step.unlock);
  ScheduleTimer(lock);
  UpdateWaiting(lock);
  const std::shared_ptr<LockEntry> kept = Keeps(lock) ? locks_[lock.index] : nullptr;
  if (!lock.done || step.answered) lock.Publish();
  if (step.lost && lock.on_lost)
    AnswerLater([kept, reason = *lock.protocol.loss_reason()] {
      if (!kept->is_abandoned) kept->on_lost(reason);
    });
  if (step.answered) {
    lock.on_cancel.reset();
    AnswerLater([kept = kept, done = std::exchange(lock.done, {}), is_cancelled = step.cancelled,
                 is_closing = static_cast<bool>(closed_)]() mutable {
      if (!is_cancelled)
        done(RedLock(std::move(kept)));
      else if (is_closing)
        done(Fail(ErrorCode::kUnavailable, kClosing));
      else
        done(Fail(ErrorCode::kCancelled, "cancelled while waiting for the lock"));
    });
    // Nobody else was told that it may be free.
    if (lock.is_woken && !lock.protocol.is_held()) WakeOne(lock.key);
  }
  if (step.released) {
    for (auto& done : std::exchange(lock.releases, {}))
      AnswerLater([done = std::move(done), release = lock.protocol.release()] { done(release); });
  }
  if (step.freed) WakeOne(lock.key);
  --applying_;
  if (applying_ > 0) return;
  TellRefusals();
  if (kept) DropIfFinished(lock);
}

void Engine::TellRefusals() {
  if (std::exchange(is_telling_, true)) return;  // whoever does will see the new ones
  while (!refusals_.empty()) {
    const Refusal refusal = refusals_.front();
    refusals_.pop_front();
    Take(refusal.question, refusal.node, Vote::kRefused);
  }
  is_telling_ = false;
}

bool Engine::Keeps(const LockEntry& lock) const {
  return lock.index < locks_.size() && locks_[lock.index].get() == &lock;
}

void Engine::Send(LockEntry& lock, Question::Kind kind, NodeSet nodes) {
  ScheduleFlush();
  const Question question{kind, lock.protocol.round(), &lock};
  if (kind == Question::Kind::kUnlock) {
    ++lock.unanswered;  // until it is sent
    unlocks_.push_back({question, nodes});
    if (unlocks_.size() == kUnlocksMax) SendUnlocks();
    return;
  }
  // What deletes a key stays before what sets it: a lock has one id for all of its attempts, and others would still
  // find it taken.
  if (std::ranges::any_of(
          unlocks_, [&](const Unlock& unlock) { return unlock.question.lock->key == lock.key; }))
    SendUnlocks();
  const redis::CommandList& command = Encode({&question, 1}, ScriptForm::kByDigest);
  nodes.ForEach([&](int node) { SendTo({&question, 1}, node, command); });
}

void Engine::SendUnlocks() {
  for (auto first = unlocks_.begin(); first != unlocks_.end();) {
    const NodeSet nodes = first->nodes;  // mostly all
    const bool was_held = first->question.lock->protocol.was_held();
    const auto rest = std::partition(first, unlocks_.end(), [&](const Unlock& unlock) {
      return unlock.nodes == nodes && unlock.question.lock->protocol.was_held() == was_held;
    });
    batch_.clear();
    for (const Unlock& unlock : std::ranges::subrange(first, rest))
      batch_.push_back(unlock.question);
    const redis::CommandList& command = Encode(batch_, ScriptForm::kByDigest);
    nodes.ForEach([&](int node) { SendTo(batch_, node, command); });
    for (const Question& question : batch_) --question.lock->unanswered;
    first = rest;
  }
  unlocks_.clear();
}

void Engine::SendTo(std::span<const Question> questions, int node,
                    const redis::CommandList& command) {
  for (const Question& question : questions) ++question.lock->unanswered;
  const bool may_vote = !duplicates_.Contains(node);
  if (may_vote && nodes_[static_cast<std::size_t>(node)]->Send(questions, command)) return;
  for (const Question& question : questions) refusals_.push_back({question, node});
}

const redis::CommandList& Engine::Encode(std::span<const Question> questions, ScriptForm form) {
  command_.Clear();
  // All of the locks were held, or none. What a failed attempt leaves is no release: whoever has made it and waits
  // would wake itself, again and again.
  const bool publish = options_.publish_releases && questions[0].lock->protocol.was_held();
  EncodeQuestions(questions, {.form = form, .publish = publish}, command_);
  return command_;
}

void Engine::OnVote(const Question& question, int node, Vote vote) { Take(question, node, vote); }

void Engine::Take(const Question& question, int node, Vote vote) {
  LockEntry& lock = *question.lock;
  --lock.unanswered;
  const Instant now = clock_.Now();
  switch (question.kind) {
    case Question::Kind::kSet:
      return Apply(lock, lock.protocol.OnSet(question.round, node, vote, now));
    case Question::Kind::kExtend:
      return Apply(lock, lock.protocol.OnExtend(question.round, node, vote, now));
    case Question::Kind::kUnlock:
      return Apply(lock, lock.protocol.OnUnlock(question.round, node, vote, now));
  }
}

void Engine::OnNoScript(std::span<const Question> questions, int node) {
  const std::vector<Question> again = StillAsked(questions, node);
  if (!again.empty()) SendTo(again, node, Encode(again, ScriptForm::kByText));
  ScheduleFlush();
  TellRefusals();
}

void Engine::OnBatchRefused(std::span<const Question> questions, int node) {
  for (const Question& question : StillAsked(questions, node))
    SendTo({&question, 1}, node, Encode({&question, 1}, ScriptForm::kByDigest));
  ScheduleFlush();
  TellRefusals();
}

/// What may be sent again, and does not count as unanswered now. A lock that has asked something else since will be
/// told that it was refused: a late deletion would meet what a later attempt has set.
std::vector<Question> Engine::StillAsked(std::span<const Question> questions, int node) {
  std::vector<Question> asked;
  for (const Question& question : questions) {
    if (question.round == question.lock->protocol.round()) {
      --question.lock->unanswered;
      asked.push_back(question);
    } else {
      refusals_.push_back({question, node});
    }
  }
  return asked;
}

void Engine::OnIdentity(int node, std::string_view run_id) {
  run_ids_[static_cast<std::size_t>(node)] = run_id;
  const NodeSet before_it = std::exchange(duplicates_, {});
  for (std::size_t i = 1; i < run_ids_.size(); ++i) {
    const auto before = run_ids_.begin() + static_cast<std::ptrdiff_t>(i);
    if (!run_ids_[i].empty() && std::find(run_ids_.begin(), before, run_ids_[i]) != before)
      duplicates_.Add(static_cast<int>(i));
  }
  if (duplicates_ != before_it) TellConfigurationLater();
}

void Engine::OnConnectionChanged(int node) {
  if (closed_) return;
  TellConfigurationLater();
  const bool is_connected = nodes_[static_cast<std::size_t>(node)]->is_connected();
  if (listener_ && is_connected && static_cast<std::size_t>(node) == listened_node_)
    listener_->Follow();
  if (!waiters_.empty()) (void)Listener();  // at another node, if that one is gone
}

void Engine::TellConfigurationLater() {
  if (!options_.on_configuration_changed || !std::exchange(is_configuration_told_, false)) return;
  AnswerLater([this] {
    is_configuration_told_ = true;
    options_.on_configuration_changed(
        {.instances = Instances(), .quorum = static_cast<int>(nodes_.size()) / 2 + 1});
  });
}

void Engine::CallWhenConnected(Duration wait, std::function<void()> call) {
  const bool all =
      std::ranges::all_of(nodes_, [](const auto& node) { return node->is_connected(); });
  if (all || wait <= Duration::zero()) return call();
  (void)loop_.PostAfter(kLookAgain, [this, wait, call = std::move(call)]() mutable {
    CallWhenConnected(wait - kLookAgain, std::move(call));
  });
}

std::vector<RedLockInstance> Engine::Instances() const {
  std::vector<RedLockInstance> instances;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    instances.push_back({.end_point = options_.end_points[i],
                         .is_connected = nodes_[i]->is_connected(),
                         .is_duplicate = duplicates_.Contains(static_cast<int>(i)),
                         .failure = nodes_[i]->failure()});
  return instances;
}

void Engine::ScheduleTimer(LockEntry& lock) {
  const auto due = lock.protocol.due();
  if (!due) return wheel_.Remove(lock);
  if (lock.next != nullptr && lock.due == *due) return;
  wheel_.Add(lock, *due);
  if (!timer_due_ || *due < *timer_due_) ArmTimer();
}

void Engine::ArmTimer() {
  const auto next = wheel_.NextLook();
  if (next == timer_due_) return;
  if (timer_due_) (void)loop_.Cancel(timer_);
  timer_due_ = next;
  if (!next) return;
  const Duration delay = std::max(*next - clock_.Now(), Duration::zero());
  timer_ = loop_.PostAfter(delay, [this] { RunTimers(); });
}

void Engine::RunTimers() {
  timer_due_.reset();
  const Instant now = clock_.Now();
  std::vector<std::shared_ptr<LockEntry>> due;  // kept: what one does may end another
  for (WheelEntry* entry : wheel_.TakeDue(now))
    due.push_back(locks_[static_cast<LockEntry*>(entry)->index]);
  for (const auto& lock : due) Apply(*lock, lock->protocol.OnTime(now));
  ArmTimer();
}

void Engine::UpdateWaiting(LockEntry& lock) {
  const bool is_waiting = lock.protocol.is_waiting();
  if (is_waiting == lock.is_waiting) return;
  lock.is_waiting = is_waiting;
  auto& queue = waiters_[lock.key];
  if (is_waiting)
    queue.push_back(&lock);
  else
    std::erase(queue, &lock);
  ReleaseListener* const listener = Listener();
  if (listener != nullptr && is_waiting && queue.size() == 1) listener->Watch(lock.key);
  if (!queue.empty()) return;
  if (listener != nullptr) listener->Unwatch(lock.key);
  waiters_.erase(lock.key);
}

ReleaseListener* Engine::Listener() {
  if (!options_.publish_releases || !listen_) return nullptr;
  if (listener_ && nodes_[listened_node_]->is_connected()) return listener_.get();
  const auto connected =
      std::ranges::find_if(nodes_, [](const auto& node) { return node->is_connected(); });
  if (connected == nodes_.end()) return listener_.get();
  listened_node_ = static_cast<std::size_t>(connected - nodes_.begin());
  if (listener_) loop_.Post([old = std::move(listener_)] {});  // this may be a call of its own
  listener_ = listen_(static_cast<int>(listened_node_));
  for (const auto& [key, queue] : waiters_)
    if (listener_) listener_->Watch(key);
  return listener_.get();
}

void Engine::WakeOne(const std::string& key) {
  const auto found = waiters_.find(key);
  if (found == waiters_.end()) return;
  LockEntry& lock = *found->second.front();
  lock.is_woken = true;
  Apply(lock, lock.protocol.OnWake(clock_.Now()));
}

void Engine::DropIfFinished(LockEntry& lock) {
  if (!Keeps(lock) || lock.unanswered > 0) return;
  if (!lock.protocol.is_finished() && KeepsForCleaning(lock)) return;
  if (lock.is_cleaning) --cleaning_count_;
  wheel_.Remove(lock);
  const std::size_t index = lock.index;
  const std::shared_ptr<LockEntry> dropped = std::move(locks_[index]);
  locks_[index] = std::move(locks_.back());
  locks_.pop_back();
  if (index < locks_.size()) locks_[index]->index = index;
  if (closed_ && locks_.empty()) AnswerLater(closed_);
}

bool Engine::KeepsForCleaning(LockEntry& lock) {
  if (!lock.protocol.is_cleaning() || lock.is_cleaning) return true;
  if (cleaning_count_ >= options_.cleaning_max) {
    lock.protocol.Forget();
    return false;
  }
  lock.is_cleaning = true;
  ++cleaning_count_;
  return true;
}

void Engine::Close(Duration wait, std::function<void()> closed) {
  closed_ = [this, closed = std::move(closed)] {
    for (const auto& node : nodes_) node->Close();
    listener_.reset();
    closed();
  };
  (void)loop_.PostAfter(wait, closed_);
  if (locks_.empty()) AnswerLater(closed_);
  for (const auto& lock : std::vector(locks_)) {
    if (lock->done) {
      Cancel(*lock);
    } else {
      Apply(*lock, lock->protocol.Close());
      Release(*lock, {});
    }
  }
}

void Engine::FinishAnswers() {
  for (const auto& lock : locks_)
    for (auto& done : std::exchange(lock->releases, {}))
      AnswerLater([done = std::move(done), release = lock->protocol.release()] { done(release); });
  while (!answers_.empty()) Flush();
}

void Engine::AnswerLater(std::move_only_function<void()> answer) {
  answers_.push_back(std::move(answer));
  ScheduleFlush();
}

void Engine::ScheduleFlush() {
  if (std::exchange(is_flush_scheduled_, true)) return;
  loop_.AtEndOfRound([this] { Flush(); });
}

void Engine::Flush() {
  is_flush_scheduled_ = false;
  SendUnlocks();
  TellRefusals();
  for (const auto& node : nodes_) node->Flush();
  for (auto& answer : std::exchange(answers_, {})) answer();
}

}  // namespace itemgate::redlock
