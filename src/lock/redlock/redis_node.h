#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "lock/redlock/node.h"
#include "redis/primary.h"

namespace itemgate::redlock {

/// A Redis server, or the primary of a group, as a vote, over one connection. Whatever cannot be sent now is refused at
/// once; deletions are sent even to a server that has not answered for a while, for they must follow what was sent
/// before.
class RedisNode final : public LockNode, private redis::NodeListener {
 public:
  /// `receiver` and what the context names must outlive it. Fails with kInvalidArgument if the TLS files are no good.
  /// A server that is up for less than `uptime_min` has no vote.
  [[nodiscard]] static Result<std::unique_ptr<RedisNode>> Make(
      const redis::NodeContext& context, VoteReceiver& receiver, int number,
      const redis::ConnectionSettings& settings, std::chrono::seconds uptime_min = {});
  ~RedisNode() override { StopAging(); }

  void Start() { primary_->Start(); }
  [[nodiscard]] bool Send(std::span<const Question> questions,
                          const redis::CommandList& command) override;
  void Flush() override { primary_->node().Flush(); }
  void Close() override {
    StopAging();
    primary_->Stop();
  }
  [[nodiscard]] bool is_connected() const override { return is_known_ && primary_->is_connected(); }
  [[nodiscard]] std::string failure() const override;
  /// Where it is now, or was last.
  [[nodiscard]] const Endpoint& endpoint() const { return primary_->node().endpoint(); }

 private:
  RedisNode(EventLoop& loop, VoteReceiver& receiver, int number, std::chrono::seconds uptime_min)
      : loop_(loop), receiver_(receiver), number_(number), uptime_min_(uptime_min) {}

  void NodeChanged(redis::NodeState state, const redis::Failure* why) override;
  void ErrorReplied(redis::FailureKind kind, std::string_view text) override;
  void Answered(std::span<const Question> questions, const redis::Answer& answer);

  void Identify();
  void Identified(const redis::Answer& answer);
  /// Whether a server that says this of itself is up for long enough; else it is asked again when it is.
  [[nodiscard]] bool IsOldEnough(const redis::Reply& info);
  void AskAgainIn(Duration time);
  void StopAging();

  EventLoop& loop_;
  VoteReceiver& receiver_;
  const int number_;
  const std::chrono::seconds uptime_min_;
  /// It has answered which server it is, or that it does not tell, since it is connected: before, it might vote twice.
  bool is_known_ = false;
  std::string refusal_;  // instead of the last vote; empty if that was one
  std::string youth_;    // why it has no vote yet; empty: it has not said which server it is
  TimerId aging_{};      // until it is asked again
  std::unique_ptr<redis::Primary> primary_;
};

}  // namespace itemgate::redlock
