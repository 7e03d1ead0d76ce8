#include "core/group_commit.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "net/wake_up.h"

namespace itemgate {
namespace {

std::size_t ContentBytes(const CommitRequest& request) {
  std::size_t bytes = 0;
  for (const Insertion* insertion : request.insertions) bytes += insertion->content.size();
  return bytes;
}

/// A request of one insertion. Frees itself.
class LoneRequest final : public CommitRequest {
 public:
  using Done = std::move_only_function<void(const Result<void>&)>;

  LoneRequest(Insertion& insertion, Done done) : done_(std::move(done)) {
    insertions.push_back(&insertion);
  }

  void Committed(const Result<void>& result) override {
    const std::unique_ptr<LoneRequest> self(this);
    done_(result);
  }

 private:
  Done done_;
};

}  // namespace

GroupCommit::~GroupCommit() {
  const MutexLock lock(mutex_);
  while (turns_running_ > 0 || posting_count_ > 0) idle_.Wait(mutex_);
}

GroupCommit::Enqueued GroupCommit::Enqueue(CommitRequest& request) {
  const MutexLock lock(mutex_);
  Bell& bell = bells_[turn_count_ % bells_.size()];
  request.bell_ = &bell;
  request.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &request;
  last_ = &request;
  waiting_items_ += request.insertions.size();
  std::optional<Duration> turn_after;
  if (IsTurnDue(turns_running_)) {
    ++turns_running_;
    turn_after = GatherTime();
  }
  std::optional<TimerId> gathered;
  if (waiting_items_ >= gather_items_) gathered.swap(gathering_);
  if (gathered) ++posting_count_;
  return {.bell = bell, .turn_after = turn_after, .gathered = gathered};
}

bool GroupCommit::IsTurnDue(std::size_t others) const {
  if (first_ == nullptr || others >= limits_.turns_max) return false;
  return others == 0 || waiting_items_ >= kOverlapItems;
}

Duration GroupCommit::GatherTime() const {
  return waiting_items_ < gather_items_ ? limits_.gather_time : Duration::zero();
}

void GroupCommit::Submit(CommitRequest& request) {
  const Enqueued enqueued = Enqueue(request);
  StopGathering(enqueued.gathered);
  if (enqueued.turn_after) PostTurn(*enqueued.turn_after);
}

void GroupCommit::StopGathering(std::optional<TimerId> turn) {
  if (!turn) return;
  if (committer_.Cancel(*turn)) committer_.Post([this] { RunTurn(); });
  const MutexLock lock(mutex_);
  --posting_count_;
  idle_.NotifyAll();
}

void GroupCommit::Submit(Insertion& insertion, LoneRequest::Done done) {
  Submit(*std::make_unique<LoneRequest>(insertion, std::move(done)).release());
}

void GroupCommit::PostTurn(Duration delay) {
  {
    const MutexLock lock(mutex_);
    ++posting_count_;
  }
  std::optional<TimerId> gathering;
  if (delay > Duration::zero())
    gathering = committer_.PostAfter(delay, [this] { RunTurn(); });
  else
    committer_.Post([this] { RunTurn(); });
  const MutexLock lock(mutex_);
  if (gathering) gathering_ = gathering;
  --posting_count_;
  idle_.NotifyAll();
}

Bell& GroupCommit::SubmitOrRun(CommitRequest& request) {
  const Enqueued enqueued = Enqueue(request);
  StopGathering(enqueued.gathered);
  if (enqueued.turn_after == Duration::zero())
    RunTurn();
  else if (enqueued.turn_after)
    PostTurn(*enqueued.turn_after);
  return enqueued.bell;
}

void GroupCommit::RunTurn() {
  const Group group = TakeGroup();
  if (group.first == nullptr) return FinishTurn(nullptr, {});
  CommitRequest* const first = group.first;
  store_.Insert(group.insertions,
                [this, first](const Result<void>& result) { FinishTurn(first, result); });
}

GroupCommit::Group GroupCommit::TakeGroup() {
  const MutexLock lock(mutex_);
  Group group{.first = first_};
  if (first_ == nullptr) return group;
  ++turn_count_;
  std::size_t bytes = 0;
  for (CommitRequest* last = nullptr; first_ != nullptr; first_ = first_->next_) {
    bytes += ContentBytes(*first_);
    const std::size_t items = group.insertions.size() + first_->insertions.size();
    if (last != nullptr && (items > limits_.items_max || bytes > limits_.bytes_max)) {
      last->next_ = nullptr;
      break;
    }
    group.insertions.insert(group.insertions.end(), first_->insertions.begin(),
                            first_->insertions.end());
    last = first_;
  }
  if (first_ == nullptr) last_ = nullptr;
  waiting_items_ -= group.insertions.size();
  return group;
}

void GroupCommit::FinishTurn(CommitRequest* first, const Result<void>& result) {
  std::array<bool, 2> to_ring{};
  std::size_t known_items = 0;
  {
    const MutexLock lock(mutex_);
    known_items = waiting_items_;
  }
  {
    const HeldWakeUps held;
    while (first != nullptr) {
      CommitRequest& request = *std::exchange(first, first->next_);
      known_items += request.insertions.size();
      to_ring[static_cast<std::size_t>(request.bell_ - bells_.data())] = true;
      request.Committed(result);
    }
  }
  for (std::size_t i = 0; i < bells_.size(); ++i) {
    if (to_ring[i]) bells_[i].Ring();
  }
  Duration gather_time{};
  {
    const MutexLock lock(mutex_);
    gather_items_ = std::min(known_items, limits_.items_max);
    if (!IsTurnDue(turns_running_ - 1)) {
      if (--turns_running_ == 0) idle_.NotifyAll();
      return;
    }
    gather_time = GatherTime();
  }
  PostTurn(gather_time);
}

std::uint64_t GroupCommit::turn_count() const {
  const MutexLock lock(mutex_);
  return turn_count_;
}

}  // namespace itemgate
