#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "lock/redlock/engine.h"
#include "net/thread_executor.h"
#include "redis/connection_text.h"

namespace itemgate::redlock {

/// The thread of a factory: the loop, the engine, and the connections. Outlived by nothing but weak references.
class LoopThread {
 public:
  [[nodiscard]] static Result<std::shared_ptr<LoopThread>> Make(
      EngineOptions options, const std::vector<redis::ConnectionSettings>& nodes,
      std::chrono::seconds uptime_min);
  /// REQUIRES: Close was called.
  ~LoopThread();

  /// False once it is closed: the task is dropped.
  bool Post(std::move_only_function<void()> task) EXCLUDES(mu_);

  /// Releases every lock, waits for that at most `wait`, and ends the thread. REQUIRES: not on the thread.
  void Close(Duration wait) EXCLUDES(mu_);

  [[nodiscard]] Engine& engine() { return engine_; }
  [[nodiscard]] bool OnThread() const { return loop_.OnLoopThread(); }

 private:
  explicit LoopThread(EngineOptions options);
  [[nodiscard]] Result<void> Begin(const std::vector<redis::ConnectionSettings>& nodes,
                                   std::chrono::seconds uptime_min);
  void Stop() EXCLUDES(mu_);

  SystemClock clock_;
  EventLoop loop_;
  ThreadExecutor resolver_{"redlock-names", 1};  // looks up host names, which blocks
  Engine engine_;
  Mutex mu_;
  bool is_closed_ GUARDED_BY(mu_) = true;  // until it is begun
  std::thread thread_;
};

}  // namespace itemgate::redlock
