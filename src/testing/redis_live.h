#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "net/event_loop.h"
#include "net/thread_executor.h"
#include "redis/node.h"
#include "testing/redis_told.h"

namespace itemgate::redis {

/// For live tests: waits for conditions that other threads bring about, and gives up after a long time.
class Waiting {
 public:
  /// Calls `change` under the lock and wakes whoever waits.
  void Change(const std::function<void()>& change) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    change();
    changed_.NotifyAll();
  }
  [[nodiscard]] bool Until(const std::function<bool()>& holds) EXCLUDES(mutex_) {
    const auto give_up = SystemClock().Now() + std::chrono::seconds(30);
    const MutexLock lock(mutex_);
    while (!holds()) {
      if (SystemClock().Now() >= give_up) return false;
      changed_.WaitUntil(mutex_, give_up);
    }
    return true;
  }

 private:
  Mutex mutex_;  // guards what Change changes
  ConditionVariable changed_;
};

/// For live tests: a loop on a thread of its own.
class LiveLoop {
 public:
  LiveLoop() : thread_([this] { loop_.Run(); }) {}
  ~LiveLoop() {
    resolver_.Stop();
    loop_.Stop();
    thread_.join();
  }
  LiveLoop(const LiveLoop&) = delete;
  LiveLoop& operator=(const LiveLoop&) = delete;

  /// Runs it on the loop's thread and waits for its end.
  template <typename Function>
  auto Run(Function function) {
    std::packaged_task<decltype(function())()> task(std::move(function));
    auto result = task.get_future();
    loop_.Post([&task] { task(); });
    return result.get();
  }

  [[nodiscard]] NodeContext context() {
    return {.loop = loop_, .clock = clock_, .resolver = resolver_};
  }

 private:
  SystemClock clock_;
  EventLoop loop_{clock_};
  ThreadExecutor resolver_{"resolver", 1};
  std::thread thread_;
};

/// For live tests: a started node on a LiveLoop, used from the test's thread.
class LiveNode final : private NodeListener {
 public:
  LiveNode(LiveLoop& loop, NodeOptions options) : loop_(loop) {
    loop_.Run([&] {
      node_ = *Node::Make(loop_.context(), std::move(options), this);
      node_->Start();
    });
  }
  ~LiveNode() override {
    loop_.Run([this] { node_.reset(); });
  }
  LiveNode(const LiveNode&) = delete;
  LiveNode& operator=(const LiveNode&) = delete;

  [[nodiscard]] bool WaitFor(NodeState state) {
    return waiting_.Until([&] { return state_ == state; });
  }
  /// Waits until an attempt to connect has failed, and says why.
  [[nodiscard]] std::string WaitForFailure() {
    EXPECT_TRUE(waiting_.Until([&] { return state_ == NodeState::kWaiting; }));
    return loop_.Run([this] { return node_->last_failure().message; });
  }

  /// Sends; answers are appended to told, as they come.
  void Send(const CommandList& commands, const CallOptions& options = {}) {
    loop_.Run([&] { node_->Send(commands, options, Keep()); });
  }
  [[nodiscard]] Callback Keep() {
    return [this](const Answer& answer) { waiting_.Change([&] { told_.emplace_back(answer); }); };
  }
  /// Waits until there are so many answers, and takes them.
  [[nodiscard]] std::vector<Told> Take(std::size_t count) {
    EXPECT_TRUE(waiting_.Until([&] { return told_.size() >= count; }));
    return loop_.Run([this] { return std::exchange(told_, {}); });
  }
  [[nodiscard]] Told Call(const CommandList& commands, const CallOptions& options = {}) {
    Send(commands, options);
    return Take(1).at(0);
  }
  [[nodiscard]] NodeCounters counters() {
    return loop_.Run([this] { return node_->counters(); });
  }
  [[nodiscard]] Node& node() { return *node_; }

 private:
  void NodeChanged(NodeState state, const Failure* /*why*/) override {
    waiting_.Change([&] { state_ = state; });
  }
  void ErrorReplied(FailureKind /*kind*/, std::string_view /*text*/) override {}

  LiveLoop& loop_;
  Waiting waiting_;
  NodeState state_ = NodeState::kStopped;
  std::vector<Told> told_;
  std::unique_ptr<Node> node_;
};

}  // namespace itemgate::redis
