#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/executor.h"

namespace itemgate {

/// Gathers the answers to questions that were asked at the same time, and goes on without those that take too long.
///
/// Threads: any. Co-owned by whoever may still answer and by its timer; what comes late is dropped.
template <typename T>
class Answers : public std::enable_shared_from_this<Answers<T>> {
 public:
  using Done = std::move_only_function<void(std::vector<std::optional<T>>)>;

  /// `done` is called once, when all have answered or after `time`: on the thread of the last answer, or by the
  /// executor, which must live until then.
  [[nodiscard]] static std::shared_ptr<Answers> Await(Executor& executor, Duration time,
                                                      std::size_t count, Done done) {
    const std::shared_ptr<Answers> answers(new Answers(executor, count, std::move(done)));
    answers->timer_ = executor.PostAfter(time, [answers] { answers->TimeIsUp(); });
    return answers;
  }

  /// The answer to the question of that number. Only the first counts.
  void Put(std::size_t number, T answer) EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (ended_ || answers_[number].has_value()) return;
      answers_[number].emplace(std::move(answer));
      if (--missing_ > 0) return;
      ended_ = true;
    }
    executor_.Cancel(timer_);
    Tell();
  }

 private:
  Answers(Executor& executor, std::size_t count, Done done)
      : executor_(executor), done_(std::move(done)), answers_(count), missing_(count) {}

  void TimeIsUp() EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (ended_) return;
      ended_ = true;
    }
    Tell();
  }

  /// REQUIRES: this call ended it, so that nobody else touches the answers any more.
  void Tell() EXCLUDES(mutex_) {
    std::vector<std::optional<T>> answers;
    {
      const MutexLock lock(mutex_);
      answers.swap(answers_);
    }
    Done done = std::move(done_);  // what it holds is free after this call
    done(std::move(answers));
  }

  Executor& executor_;
  TimerId timer_{};  // constant once somebody can answer
  Done done_;        // of whoever ends it

  Mutex mutex_;
  std::vector<std::optional<T>> answers_ GUARDED_BY(mutex_);
  std::size_t missing_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
};

}  // namespace itemgate
