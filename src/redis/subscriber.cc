#include "redis/subscriber.h"

#include <utility>

namespace itemgate::redis {

Result<std::unique_ptr<Subscriber>> Subscriber::Make(const NodeContext& context, NodeOptions node,
                                                     Options options, SubscriberOwner& owner) {
  std::unique_ptr<Subscriber> made(new Subscriber(std::move(options), owner));
  auto its_node = Node::Make(context, std::move(node), made.get());
  if (!its_node) return std::unexpected(its_node.error());
  made->node_ = *std::move(its_node);
  made->node_->TellMessages(made.get());
  return made;
}

Result<void> Subscriber::Subscribe(std::string_view channel) {
  if (channels_.size() >= options_.channels_max)
    return Fail(ErrorCode::kUnavailable,
                "there are " + std::to_string(channels_.size()) + " channels already");
  const auto [place, is_new] = channels_.insert(options_.channel_prefix + std::string(channel));
  if (is_new && IsConnected()) SendSubscribe(*place);
  return {};
}

void Subscriber::Unsubscribe(std::string_view channel) {
  const std::string whole = options_.channel_prefix + std::string(channel);
  if (channels_.erase(whole) == 0) return;
  node_->Send(CommandList("UNSUBSCRIBE", whole), {}, [](const Answer&) {});
}

void Subscriber::NodeChanged(NodeState state, const Failure* why) {
  if (state == NodeState::kReady) {
    if (std::exchange(was_ready_, true)) return;  // the circuit has closed
    for (const std::string& channel : channels_) SendSubscribe(channel);
  } else if (state != NodeState::kUnresponsive && std::exchange(was_ready_, false)) {
    owner_.Interrupted(*why);
  }
}

void Subscriber::ErrorReplied(FailureKind /*kind*/, std::string_view /*text*/) {}

void Subscriber::MessageCame(std::string_view channel, std::string_view payload) {
  if (channels_.contains(channel)) owner_.MessageCame(WithoutPrefix(channel), payload);
}

void Subscriber::SendSubscribe(const std::string& channel) {
  const auto answered = [this, channel](const Answer& answer) {
    if (!channels_.contains(channel)) return;
    // What failed is asked for on the next connection; a late answer is as good as any.
    if (!answer.ok()) return LeaveIfUnsent(*answer.failure);
    const Reply& reply = answer.replies[0];
    const Failure failure = reply.is_error() ? ServerFailure(reply.text()) : Failure{};
    owner_.Subscribed(WithoutPrefix(channel), reply.is_error() ? &failure : nullptr);
  };
  node_->Send(CommandList("SUBSCRIBE", channel),
              {.when_unresponsive = CallOptions::WhenUnresponsive::kSendAnyway,
               .late = CallOptions::Late::kTell},
              answered);
}

/// A connection that takes no command in is no good, and would never ask for that channel.
void Subscriber::LeaveIfUnsent(const Failure& why) {
  if (IsConnected() && !why.may_have_run) node_->Leave(why);
}

bool Subscriber::IsConnected() const {
  return node_->state() == NodeState::kReady || node_->state() == NodeState::kUnresponsive;
}

std::string_view Subscriber::WithoutPrefix(std::string_view channel) const {
  return channel.substr(options_.channel_prefix.size());
}

}  // namespace itemgate::redis
