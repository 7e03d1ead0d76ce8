#pragma once

#include <set>
#include <string>

#include "base/random.h"
#include "lock/redlock/node.h"
#include "net/descriptor.h"
#include "net/event_loop.h"
#include "redis/node_options.h"
#include "redis/reply_reader.h"

namespace itemgate::redlock {

/// Subscribes to the channels that are called as the keys are, at one server and without TLS. Connects when there is
/// something to hear, again and again with growing pauses. On the loop's thread; all given must outlive it.
class ReleaseSubscriber final : public ReleaseListener, private ReadinessHandler {
 public:
  ReleaseSubscriber(EventLoop& loop, VoteReceiver& receiver, redis::NodeOptions options);
  ~ReleaseSubscriber() override;
  ReleaseSubscriber(const ReleaseSubscriber&) = delete;
  ReleaseSubscriber& operator=(const ReleaseSubscriber&) = delete;

  void Watch(const std::string& key) override;
  void Unwatch(const std::string& key) override;

 private:
  void Ready(Readiness readiness) override;
  void Connect();
  void Greet();
  /// False: the connection is over.
  [[nodiscard]] bool Receive();
  [[nodiscard]] bool Write();
  void WatchWrites(bool wanted);
  void Disconnect();

  EventLoop& loop_;
  VoteReceiver& receiver_;
  const redis::NodeOptions options_;
  Random random_;
  std::set<std::string> watched_;
  Descriptor socket_;
  bool is_greeted_ = false;
  bool is_write_watched_ = false;
  std::string out_;
  redis::ReplyReader reader_;
  Duration pause_{};
  TimerId timer_{};  // for the next attempt
};

}  // namespace itemgate::redlock
