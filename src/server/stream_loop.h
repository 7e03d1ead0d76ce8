#pragma once

#include <utility>

#include "base/mutex.h"
#include "net/executor.h"

namespace itemgate::server {

/// The way from other threads back to the loop of a stream, as long as the stream is open: what is posted later is
/// dropped, for the loop may be gone by then. From any thread.
class StreamLoop {
 public:
  /// `loop` must live until Close.
  explicit StreamLoop(Executor& loop) : loop_(&loop) {}

  void Post(Executor::Task task) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);  // held while posting, so that Close waits for it
    if (loop_ != nullptr) loop_->Post(std::move(task));
  }

  void Close() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    loop_ = nullptr;
  }

 private:
  Mutex mutex_;
  Executor* loop_ GUARDED_BY(mutex_);  // null once closed
};

}  // namespace itemgate::server
