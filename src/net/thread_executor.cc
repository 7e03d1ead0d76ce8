#include "net/thread_executor.h"

#include <pthread.h>

#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/mutex.h"

namespace itemgate {

namespace asio = boost::asio;

class ThreadExecutor::Impl {
 public:
  Impl(const std::string& name, int thread_count)
      : context_(thread_count), work_(context_.get_executor()) {
    threads_.reserve(static_cast<std::size_t>(thread_count));
    for (int i = 0; i < thread_count; ++i) {
      threads_.emplace_back([this, name] {
        pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
        context_.run();
      });
    }
  }

  void Post(Task task) { asio::post(context_, std::move(task)); }

  TimerId PostAfter(Duration delay, Task task) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (stopped_) return TimerId{};
    const TimerId id{++last_timer_};
    Waiting& waiting =
        timers_.try_emplace(id, asio::steady_timer(context_, delay), std::move(task)).first->second;
    waiting.timer.async_wait([this, id](const boost::system::error_code&) {
      if (auto due = Take(id)) due->task();
    });
    return id;
  }

  bool Cancel(TimerId id) { return Take(id).has_value(); }

  void Stop() EXCLUDES(mutex_) {
    std::unordered_map<TimerId, Waiting> dropped;
    {
      const MutexLock lock(mutex_);
      stopped_ = true;
      dropped.swap(timers_);
    }
    dropped.clear();
    work_.reset();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  struct Waiting {
    Waiting(asio::steady_timer t, Task what) : timer(std::move(t)), task(std::move(what)) {}
    asio::steady_timer timer;
    Task task;
  };

  /// Whoever takes a timer out of the table, its hour or its cancellation, decides what becomes of the task.
  std::optional<Waiting> Take(TimerId id) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    const auto found = timers_.find(id);
    if (found == timers_.end()) return std::nullopt;
    std::optional<Waiting> taken(std::move(found->second));
    timers_.erase(found);
    return taken;
  }

  // Constant after construction.
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;

  Mutex mutex_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::uint64_t last_timer_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<TimerId, Waiting> timers_ GUARDED_BY(mutex_);
};

ThreadExecutor::ThreadExecutor(const std::string& name, int thread_count)
    : impl_(std::make_unique<Impl>(name, thread_count)) {}

ThreadExecutor::~ThreadExecutor() { Stop(); }

void ThreadExecutor::Post(Task task) { impl_->Post(std::move(task)); }

TimerId ThreadExecutor::PostAfter(Duration delay, Task task) {
  return impl_->PostAfter(delay, std::move(task));
}

bool ThreadExecutor::Cancel(TimerId timer) { return impl_->Cancel(timer); }

void ThreadExecutor::Stop() { impl_->Stop(); }

}  // namespace itemgate
