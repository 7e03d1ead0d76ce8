#pragma once

#include <memory>

#include "lock/redlock/node.h"
#include "redis/node.h"

namespace itemgate::redlock {

/// A Redis server as a vote, over the one connection of a redis::Node. Whatever cannot be sent now is refused at once;
/// deletions are sent even to a server that has not answered for a while, for they must follow what was sent before.
class RedisNode final : public LockNode, private redis::NodeListener {
 public:
  /// `receiver` and what the context names must outlive it. Fails with kInvalidArgument if the TLS files are no good.
  [[nodiscard]] static Result<std::unique_ptr<RedisNode>> Make(const redis::NodeContext& context,
                                                               VoteReceiver& receiver, int number,
                                                               redis::NodeOptions options);

  void Start() { node_->Start(); }
  [[nodiscard]] bool Send(const Question& question, const redis::CommandList& command) override;
  void Flush() override { node_->Flush(); }
  void Close() override { node_->Stop(); }
  [[nodiscard]] bool is_connected() const override;

 private:
  RedisNode(VoteReceiver& receiver, int number) : receiver_(receiver), number_(number) {}

  void NodeChanged(redis::NodeState state, const redis::Failure* why) override;
  void ErrorReplied(redis::FailureKind kind, std::string_view text) override;
  void Answered(const Question& question, const redis::Answer& answer);

  VoteReceiver& receiver_;
  const int number_;
  std::unique_ptr<redis::Node> node_;
};

}  // namespace itemgate::redlock
