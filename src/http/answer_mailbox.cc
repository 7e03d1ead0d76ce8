#include "http/answer_mailbox.h"

#include <utility>

namespace itemgate::http {

void AnswerMailbox::Put(Answer answer) {
  const MutexLock lock(mutex_);
  if (loop_ == nullptr) return;
  answers_.push_back(std::move(answer));
  if (answers_.size() > 1) return;  // a task is on its way
  // Under the lock, since the loop may be gone right after it.
  loop_->Post([self = shared_from_this()] { self->Deliver(); });
}

void AnswerMailbox::Close() {
  std::vector<Answer> dropped;
  const MutexLock lock(mutex_);
  loop_ = nullptr;
  dropped.swap(answers_);
}

void AnswerMailbox::Deliver() {
  std::vector<Answer> answers;
  {
    const MutexLock lock(mutex_);
    answers.swap(answers_);
  }
  if (!answers.empty()) receiver_.Deliver(std::move(answers));
}

}  // namespace itemgate::http
