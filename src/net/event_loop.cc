#include "net/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "net/descriptor.h"
#include "net/wake_up.h"

namespace itemgate {
namespace {

constexpr std::size_t kEventsOfARound = 256;
/// What tasks post runs in the same round, so many times over: looking at the sockets in between costs more than most
/// tasks do.
constexpr int kPassesOfARound = 8;

std::uint32_t EventsOf(Readiness wanted) {
  return (Includes(wanted, Readiness::kRead) ? std::uint32_t{EPOLLIN} | EPOLLRDHUP : 0) |
         (Includes(wanted, Readiness::kWrite) ? std::uint32_t{EPOLLOUT} : 0);
}

Readiness ReadinessOf(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Readiness::kReadOrWrite;
  const int read =
      (events & (EPOLLIN | EPOLLRDHUP)) != 0 ? std::to_underlying(Readiness::kRead) : 0;
  const int write = (events & EPOLLOUT) != 0 ? std::to_underlying(Readiness::kWrite) : 0;
  return static_cast<Readiness>(read | write);
}

}  // namespace

class EventLoop::Impl {
 public:
  explicit Impl(const Clock& clock)
      : clock_(clock), epoll_(epoll_create1(EPOLL_CLOEXEC)), round_time_(clock.Now()) {
    ITEMGATE_CHECK(epoll_.is_open());
    epoll_event woken{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    ITEMGATE_CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_up_->descriptor(), &woken) == 0);
  }

  void Run() EXCLUDES(mutex_) {
    thread_ = std::this_thread::get_id();
    for (bool go_on = RunTasks(); go_on;) {
      Wait(TimeToSleep());
      const HeldWakeUps held;  // others hear once of all that this round has for them
      TellHandlers();
      go_on = RunTasks();
    }
    thread_ = std::thread::id();
  }

  void Stop() EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      stop_ = true;
    }
    wake_up_->Wake();
  }

  void Post(Task task) EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      posted_.push_back(std::move(task));
    }
    HeldWakeUps::Wake(wake_up_);
  }

  TimerId PostAfter(Duration delay, Task task) EXCLUDES(mutex_) {
    const Instant due = clock_.Now() + delay;
    TimerId id;
    {
      const MutexLock lock(mutex_);
      id = TimerId{++last_timer_};
      timers_.emplace(std::pair(due, id), std::move(task));
      due_times_.emplace(id, due);
    }
    HeldWakeUps::Wake(wake_up_);
    return id;
  }

  bool Cancel(TimerId timer) EXCLUDES(mutex_) {
    Task cancelled;  // ends its life outside the lock
    const MutexLock lock(mutex_);
    const auto due = due_times_.find(timer);
    if (due == due_times_.end()) return false;
    const auto found = timers_.find({due->second, timer});
    cancelled = std::move(found->second);
    timers_.erase(found);
    due_times_.erase(due);
    return true;
  }

  void AtEndOfRound(Task task) { for_the_end_.push_back(std::move(task)); }

  Result<void> Watch(int fd, Readiness wanted, ReadinessHandler& handler) {
    if (Control(EPOLL_CTL_ADD, fd, wanted, &handler) != 0)
      return Fail(ErrorCode::kIo,
                  std::string("cannot watch a descriptor: ") + std::strerror(errno));
    return {};
  }

  void ChangeWatch(int fd, Readiness wanted, ReadinessHandler& handler) {
    ITEMGATE_CHECK(Control(EPOLL_CTL_MOD, fd, wanted, &handler) == 0);
  }

  void Unwatch(int fd, ReadinessHandler& handler) {
    ITEMGATE_CHECK(Control(EPOLL_CTL_DEL, fd, Readiness::kNone, nullptr) == 0);
    for (epoll_event& event : round_) {  // what this round has brought already
      if (event.data.ptr == &handler) event.data.ptr = nullptr;
    }
  }

  [[nodiscard]] Instant round_time() const { return round_time_; }
  [[nodiscard]] bool OnLoopThread() const { return thread_ == std::this_thread::get_id(); }

 private:
  using TimerKey = std::pair<Instant, TimerId>;

  int Control(int operation, int fd, Readiness wanted, ReadinessHandler* handler) {
    epoll_event event{};
    event.events = EventsOf(wanted);
    event.data.ptr = handler;
    return epoll_ctl(epoll_.get(), operation, fd, &event);
  }

  /// Runs what was posted, what is due, and what was left for the end of the round. False if the loop is to stop.
  bool RunTasks() EXCLUDES(mutex_) {
    bool stop = false;
    for (int pass = 1; pass <= kPassesOfARound; ++pass) {
      const bool took_any = TakeTasks(stop);
      RunAll(tasks_);
      if (took_any && pass < kPassesOfARound) continue;
      if (for_the_end_.empty()) break;
      RunForTheEnd();
    }
    return !stop;
  }

  void RunForTheEnd() {
    while (!for_the_end_.empty()) {
      tasks_.swap(for_the_end_);
      RunAll(tasks_);
    }
  }

  /// False if there are none. Says whether the loop is to stop, too.
  bool TakeTasks(bool& stop) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    stop = stop_;
    tasks_.swap(posted_);
    while (!timers_.empty() && timers_.begin()->first.first <= round_time_) {
      due_times_.erase(timers_.begin()->first.second);
      tasks_.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
    return !tasks_.empty();
  }

  static void RunAll(std::vector<Task>& tasks) {
    for (Task& task : tasks) task();
    tasks.clear();
  }

  /// How long to wait for events, in milliseconds; -1: for ever. Others wake the loop from here on.
  int TimeToSleep() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    wake_up_->FallAsleep();
    if (!posted_.empty() || stop_) return 0;
    if (timers_.empty()) return -1;
    const Duration left = timers_.begin()->first.first - clock_.Now();
    const auto rounded =
        std::chrono::ceil<std::chrono::milliseconds>(std::max(left, Duration::zero()));
    return static_cast<int>(std::min<std::int64_t>(rounded.count(), 60'000));
  }

  void Wait(int sleep_milliseconds) {
    const int count = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                 sleep_milliseconds);
    wake_up_->StayAwake();
    round_time_ = clock_.Now();
    round_ = std::span(events_).first(static_cast<std::size_t>(std::max(count, 0)));
  }

  void TellHandlers() {
    for (const epoll_event& event : round_) {
      if (event.data.ptr != nullptr)
        static_cast<ReadinessHandler*>(event.data.ptr)->Ready(ReadinessOf(event.events));
    }
    round_ = {};
  }

  // Constant after construction.
  const Clock& clock_;
  const Descriptor epoll_;
  const std::shared_ptr<WakeUp> wake_up_ =
      std::make_shared<WakeUp>();  // shared with who is about to wake it

  // The loop thread's own.
  std::array<epoll_event, kEventsOfARound> events_;
  std::span<epoll_event> round_;
  Instant round_time_;
  std::vector<Task> tasks_;
  std::vector<Task> for_the_end_;

  std::atomic<std::thread::id> thread_;

  Mutex mutex_;
  std::vector<Task> posted_ GUARDED_BY(mutex_);
  bool stop_ GUARDED_BY(mutex_) = false;
  std::uint64_t last_timer_ GUARDED_BY(mutex_) = 0;
  std::map<TimerKey, Task> timers_ GUARDED_BY(mutex_);
  std::unordered_map<TimerId, Instant> due_times_ GUARDED_BY(mutex_);
};

EventLoop::EventLoop(const Clock& clock) : impl_(std::make_unique<Impl>(clock)) {}
EventLoop::~EventLoop() = default;
void EventLoop::Run() { impl_->Run(); }
void EventLoop::Stop() { impl_->Stop(); }
void EventLoop::Post(Task task) { impl_->Post(std::move(task)); }
TimerId EventLoop::PostAfter(Duration delay, Task task) {
  return impl_->PostAfter(delay, std::move(task));
}
bool EventLoop::Cancel(TimerId timer) { return impl_->Cancel(timer); }
void EventLoop::AtEndOfRound(Task task) { impl_->AtEndOfRound(std::move(task)); }
Result<void> EventLoop::Watch(int fd, Readiness wanted, ReadinessHandler& handler) {
  return impl_->Watch(fd, wanted, handler);
}
void EventLoop::ChangeWatch(int fd, Readiness wanted, ReadinessHandler& handler) {
  impl_->ChangeWatch(fd, wanted, handler);
}
void EventLoop::Unwatch(int fd, ReadinessHandler& handler) { impl_->Unwatch(fd, handler); }
Instant EventLoop::RoundTime() const { return impl_->round_time(); }
bool EventLoop::OnLoopThread() const { return impl_->OnLoopThread(); }

}  // namespace itemgate
