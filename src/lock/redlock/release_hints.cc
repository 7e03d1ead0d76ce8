#include "lock/redlock/release_hints.h"

#include <utility>

namespace itemgate::redlock {

Result<std::unique_ptr<ReleaseHints>> ReleaseHints::Make(const redis::NodeContext& context,
                                                         redis::NodeOptions options, Where where,
                                                         VoteReceiver& receiver) {
  options.endpoint = where();
  std::unique_ptr<ReleaseHints> made(new ReleaseHints(std::move(where), receiver));
  auto subscriber = redis::Subscriber::Make(context, std::move(options), {}, *made);
  if (!subscriber) return std::unexpected(subscriber.error());
  made->subscriber_ = *std::move(subscriber);
  made->subscriber_->Start();
  return made;
}

// What is watched from now on may have been released just before.
void ReleaseHints::Subscribed(std::string_view channel, const redis::Failure* failure) {
  if (failure == nullptr) receiver_.OnReleased(channel);
}

void ReleaseHints::MessageCame(std::string_view channel, std::string_view /*payload*/) {
  receiver_.OnReleased(channel);
}

void ReleaseHints::Interrupted(const redis::Failure& /*why*/) {}

}  // namespace itemgate::redlock
