#include "core/group_commit.h"

#include <memory>
#include <utility>

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
  const bool run_turn = IsTurnDue(turns_running_);
  if (run_turn) ++turns_running_;
  return {.bell = bell, .run_turn = run_turn};
}

bool GroupCommit::IsTurnDue(std::size_t others) const {
  if (first_ == nullptr || others >= limits_.turns_max) return false;
  return others == 0 || waiting_items_ >= kOverlapItems;
}

void GroupCommit::Submit(CommitRequest& request) {
  if (Enqueue(request).run_turn) PostTurn({});
}

void GroupCommit::Submit(Insertion& insertion, LoneRequest::Done done) {
  Submit(*std::make_unique<LoneRequest>(insertion, std::move(done)).release());
}

void GroupCommit::PostTurn(Duration delay) {
  {
    const MutexLock lock(mutex_);
    ++posting_count_;
  }
  if (delay > Duration::zero())
    committer_.PostAfter(delay, [this] { RunTurn(); });
  else
    committer_.Post([this] { RunTurn(); });
  const MutexLock lock(mutex_);
  --posting_count_;
  idle_.NotifyAll();
}

Bell& GroupCommit::SubmitOrRun(CommitRequest& request) {
  const Enqueued enqueued = Enqueue(request);
  if (enqueued.run_turn) RunTurn();
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
  while (first != nullptr) {
    CommitRequest& request = *std::exchange(first, first->next_);
    to_ring[static_cast<std::size_t>(request.bell_ - bells_.data())] = true;
    request.Committed(result);
  }
  for (std::size_t i = 0; i < bells_.size(); ++i) {
    if (to_ring[i]) bells_[i].Ring();
  }
  {
    const MutexLock lock(mutex_);
    if (!IsTurnDue(turns_running_ - 1)) {
      if (--turns_running_ == 0) idle_.NotifyAll();
      return;
    }
  }
  PostTurn(limits_.gather_time);
}

std::uint64_t GroupCommit::turn_count() const {
  const MutexLock lock(mutex_);
  return turn_count_;
}

}  // namespace itemgate
