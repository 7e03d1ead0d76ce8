#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lock/redlock/node.h"
#include "redis/subscriber.h"

namespace itemgate::redlock {

/// Subscribes to the channels that are called as the keys are, at one server. On the loop's thread; all given must
/// outlive it.
class ReleaseHints final : public ReleaseListener, private redis::SubscriberOwner {
 public:
  using Where = std::function<Endpoint()>;

  /// `where` tells where its server is now. Fails with kInvalidArgument if the TLS files are no good any more.
  [[nodiscard]] static Result<std::unique_ptr<ReleaseHints>> Make(const redis::NodeContext& context,
                                                                  redis::NodeOptions options,
                                                                  Where where,
                                                                  VoteReceiver& receiver);

  void Watch(const std::string& key) override { (void)subscriber_->Subscribe(key); }
  void Unwatch(const std::string& key) override { subscriber_->Unsubscribe(key); }
  void Follow() override { subscriber_->SetEndpoint(where_()); }

 private:
  ReleaseHints(Where where, VoteReceiver& receiver)
      : where_(std::move(where)), receiver_(receiver) {}

  void Subscribed(std::string_view channel, const redis::Failure* failure) override;
  void MessageCame(std::string_view channel, std::string_view payload) override;
  void Interrupted(const redis::Failure& why) override;

  const Where where_;
  VoteReceiver& receiver_;
  std::unique_ptr<redis::Subscriber> subscriber_;
};

}  // namespace itemgate::redlock
