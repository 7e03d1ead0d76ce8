#include "net/thread_executor.h"

#include <pthread.h>
#include <sys/resource.h>

#include <deque>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace itemgate {

namespace {

// A tenth of another's share, and enough that whoever must wait for it after all, since it is behind, does not starve:
// in SCHED_IDLE it would, for as long as the processors are full.
constexpr int kLowNice = 10;

/// Of the calling thread. That it fails where a sandbox forbids it costs time only.
void LowerPriority() { static_cast<void>(setpriority(PRIO_PROCESS, 0, kLowNice)); }

}  // namespace

class ThreadExecutor::Impl {
 public:
  Impl(const std::string& name, int thread_count, Priority priority) {
    threads_.reserve(static_cast<std::size_t>(thread_count));
    for (int i = 0; i < thread_count; ++i) {
      threads_.emplace_back([this, name, priority] {
        pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
        if (priority == Priority::kLow) LowerPriority();
        Work();
      });
    }
  }

  void Post(Task task) EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (stopped_) return;
      posted_.push_back(std::move(task));
    }
    changed_.NotifyOne();
  }

  TimerId PostAfter(Duration delay, Task task) EXCLUDES(mutex_) {
    const Instant due = clock_.Now() + delay;
    TimerId id;
    bool earliest;
    {
      const MutexLock lock(mutex_);
      if (stopped_) return TimerId{};
      id = TimerId{++last_timer_};
      timers_.emplace(std::pair(due, id), std::move(task));
      due_times_.emplace(id, due);
      earliest = due < next_look_;
    }
    if (earliest) changed_.NotifyOne();
    return id;
  }

  bool Cancel(TimerId id) EXCLUDES(mutex_) {
    Task cancelled;  // ends its life outside the lock
    const MutexLock lock(mutex_);
    const auto due = due_times_.find(id);
    if (due == due_times_.end()) return false;
    const auto timer = timers_.find({due->second, id});
    cancelled = std::move(timer->second);
    timers_.erase(timer);
    due_times_.erase(due);
    return true;
  }

  void Stop() EXCLUDES(mutex_) {
    decltype(timers_) dropped;  // end their lives outside the lock
    {
      const MutexLock lock(mutex_);
      stopped_ = true;
      dropped.swap(timers_);
      due_times_.clear();
    }
    changed_.NotifyAll();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  using TimerKey = std::pair<Instant, TimerId>;

  void Work() EXCLUDES(mutex_) {
    while (Task task = Next()) task();
  }

  /// Waits for a task; an empty one when all is done and no more will come.
  Task Next() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (true) {
      TakeDue();
      if (!posted_.empty()) {
        Task task = std::move(posted_.front());
        posted_.pop_front();
        if (!timers_.empty() && next_look_ == Instant::max()) changed_.NotifyOne();
        return task;
      }
      if (stopped_) return {};
      Sleep();
    }
  }

  /// Until something changes; one of those who sleep, until the first timer. If that is cancelled meanwhile it sleeps
  /// as long all the same, so that a timer that comes and goes does not cost a wake-up each time.
  void Sleep() REQUIRES(mutex_) {
    const Instant first = timers_.empty() ? Instant::max() : timers_.begin()->first.first;
    if (first >= next_look_) return changed_.Wait(mutex_);
    next_look_ = first;
    changed_.WaitUntil(mutex_, first);
    if (next_look_ == first) next_look_ = Instant::max();
  }

  void TakeDue() REQUIRES(mutex_) {
    if (timers_.empty()) return;
    const Instant now = clock_.Now();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
      due_times_.erase(timers_.begin()->first.second);
      posted_.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
      changed_.NotifyOne();  // this thread takes one of them, others may take the rest
    }
  }

  // Constant after construction.
  const SystemClock clock_;
  std::vector<std::thread> threads_;

  Mutex mutex_;
  ConditionVariable changed_;  // there is a task, an earlier timer, or an end
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::deque<Task> posted_ GUARDED_BY(mutex_);
  std::uint64_t last_timer_ GUARDED_BY(mutex_) = 0;
  std::map<TimerKey, Task> timers_ GUARDED_BY(mutex_);
  std::unordered_map<TimerId, Instant> due_times_ GUARDED_BY(mutex_);
  Instant next_look_ GUARDED_BY(mutex_) =
      Instant::max();  // when a thread that sleeps will look at the timers
};

ThreadExecutor::ThreadExecutor(const std::string& name, int thread_count, Priority priority)
    : impl_(std::make_unique<Impl>(name, thread_count, priority)) {}

ThreadExecutor::~ThreadExecutor() { Stop(); }

void ThreadExecutor::Post(Task task) { impl_->Post(std::move(task)); }

TimerId ThreadExecutor::PostAfter(Duration delay, Task task) {
  return impl_->PostAfter(delay, std::move(task));
}

bool ThreadExecutor::Cancel(TimerId timer) { return impl_->Cancel(timer); }

void ThreadExecutor::Stop() { impl_->Stop(); }

}  // namespace itemgate
