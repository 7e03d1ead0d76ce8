#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/event_loop.h"
#include "net/thread_executor.h"
#include "redis/node.h"

namespace itemgate::cli {

/// Asks one Redis server, as soon as it is reached. On the loop's thread.
class RedisInterview final : private redis::NodeListener {
 public:
  using Told = std::function<void(const redis::Answer&)>;
  using Ask = std::function<void(RedisInterview&)>;

  /// `failure` is set when it ends without having reached the server, and must outlive it.
  RedisInterview(std::string& failure, Ask ask) : failure_(failure), ask_(std::move(ask)) {}

  [[nodiscard]] Result<void> Begin(const redis::NodeContext& context,
                                   const redis::NodeOptions& options);
  void End();

  void Send(const redis::CommandList& command, Told told);
  void Later(Duration delay, Ask ask);
  /// It was reached, and has answered all.
  [[nodiscard]] bool is_done() const { return was_ready_ && open_ == 0; }

 private:
  void NodeChanged(redis::NodeState state, const redis::Failure* why) override;
  void ErrorReplied(redis::FailureKind /*kind*/, std::string_view /*text*/) override {}

  std::string& failure_;
  const Ask ask_;
  EventLoop* loop_ = nullptr;
  std::unique_ptr<redis::Node> node_;
  bool was_ready_ = false;
  int open_ = 0;  // questions without an answer, and those that are to be asked later
};

/// Interviews at the same time.
class RedisInterviews {
 public:
  explicit RedisInterviews(const Clock& clock) : clock_(clock), loop_(clock) {}

  /// Fails with kInvalidArgument if the TLS files cannot be used. `failure` must outlive this: why the server could not
  /// be reached, or empty.
  [[nodiscard]] Result<void> Add(const redis::NodeOptions& options, std::string& failure,
                                 RedisInterview::Ask ask);
  /// Until all have answered, or some seconds are over; blocks. Once.
  void Run();

 private:
  void EndWhenDone(Instant end);

  const Clock& clock_;
  EventLoop loop_;
  ThreadExecutor resolver_{"names", 1};
  std::vector<std::unique_ptr<RedisInterview>> interviews_;
};

}  // namespace itemgate::cli
