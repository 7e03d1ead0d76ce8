#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "redis/node.h"

namespace itemgate::redis {

/// Is told what a Subscriber hears, on the loop's thread. May subscribe; may not destroy the subscriber.
class SubscriberOwner {
 public:
  virtual ~SubscriberOwner() = default;
  /// From here on messages of the channel are heard; what was published before, or while there was no connection, is
  /// lost. Told again after each reconnect. `failure`: the server refuses the channel.
  virtual void Subscribed(std::string_view channel, const Failure* failure) = 0;
  virtual void MessageCame(std::string_view channel, std::string_view payload) = 0;
  /// The connection is gone: nothing is heard until Subscribed is told again.
  virtual void Interrupted(const Failure& why) = 0;
};

/// Channels of one server, over a connection of their own, subscribed again whenever it comes back.
///
/// Delivery is at most once, as Redis has it: take messages as hints. Threads: the loop's. Owns its node.
class Subscriber final : private NodeListener, private MessageReceiver {
 public:
  struct Options {
    std::string channel_prefix;         // put before each channel, and taken off again
    std::size_t channels_max = 10'000;  // more are refused
  };

  /// Fails as Node::Make. The owner must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<Subscriber>> Make(const NodeContext& context,
                                                                NodeOptions node, Options options,
                                                                SubscriberOwner& owner);
  void Start() { node_->Start(); }
  void Stop() { node_->Stop(); }

  /// Subscribed is told when it is so. Nothing happens if it was subscribed before. Fails with kUnavailable at the
  /// limit.
  [[nodiscard]] Result<void> Subscribe(std::string_view channel);
  void Unsubscribe(std::string_view channel);

  /// Goes to another server, and subscribes there to the same.
  void SetEndpoint(const Endpoint& endpoint) {
    if (endpoint.ToString() != node_->endpoint().ToString()) node_->SetEndpoint(endpoint);
  }

  [[nodiscard]] NodeState state() const { return node_->state(); }

 private:
  Subscriber(Options options, SubscriberOwner& owner)
      : options_(std::move(options)), owner_(owner) {}

  void NodeChanged(NodeState state, const Failure* why) override;
  void ErrorReplied(FailureKind kind, std::string_view text) override;
  void MessageCame(std::string_view channel, std::string_view payload) override;
  void SendSubscribe(const std::string& channel);
  void LeaveIfUnsent(const Failure& why);
  [[nodiscard]] bool IsConnected() const;
  [[nodiscard]] std::string_view WithoutPrefix(std::string_view channel) const;

  const Options options_;
  SubscriberOwner& owner_;
  std::unique_ptr<Node> node_;
  std::set<std::string, std::less<>> channels_;  // with the prefix
  bool was_ready_ = false;
};

}  // namespace itemgate::redis
