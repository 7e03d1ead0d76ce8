#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "redis/connection_text.h"
#include "redis/node.h"
#include "redis/primary.h"
#include "redis/subscriber.h"

namespace itemgate::redis {

/// What a Sentinel says of a group.
struct SentinelWord {
  Endpoint primary;
  std::int64_t epoch = 0;
};

/// Reads the answer to SENTINEL MASTER; nothing if it does not say, or cannot be taken at its word.
[[nodiscard]] std::optional<SentinelWord> ReadSentinelWord(Replies fields);

/// The primary of a group that Sentinels watch: one Node, which moves when the primary does.
///
/// All Sentinels are asked where it is, when they connect, when they announce a switch, when the node is lost or
/// answers READONLY, and from time to time; the answer of the highest configuration epoch counts, so that a Sentinel
/// that was cut off does not lead back. A lower one, as after SENTINEL REMOVE and MONITOR, counts if most of all
/// Sentinels give it. One that leads a failover is not heeded. Until the first answer the node is stopped. Threads: the
/// loop's.
class SentinelPrimary final : public Primary, private NodeListener {
 public:
  /// Fails as Node::Make. REQUIRES: settings of Topology::kSentinel. `listener` is that of the node; may be null.
  [[nodiscard]] static Result<std::unique_ptr<SentinelPrimary>> Make(
      const NodeContext& context, const ConnectionSettings& settings,
      NodeListener* listener = nullptr);
  ~SentinelPrimary() override;

  void Start() override;
  void Stop() override;
  [[nodiscard]] Node& node() override { return *node_; }
  [[nodiscard]] bool is_connected() const override {
    return node_->state() == NodeState::kReady || node_->state() == NodeState::kUnresponsive;
  }
  /// Where the primary is, as far as is known.
  [[nodiscard]] std::optional<Endpoint> primary() const { return primary_; }

 private:
  class Peer;

  SentinelPrimary(const NodeContext& context, const ConnectionSettings& settings,
                  NodeListener* listener);

  void NodeChanged(NodeState state, const Failure* why) override;
  void ErrorReplied(FailureKind kind, std::string_view text) override;
  /// Asks all Sentinels, soon, but not more often than kCheckPause.
  void CheckSoon(Duration delay);
  void Check();
  void Learn(const Endpoint& primary, std::int64_t epoch);
  [[nodiscard]] bool DoMostSay(const Endpoint& primary, std::int64_t epoch) const;

  const NodeContext context_;
  const ConnectionSettings settings_;
  NodeListener* const listener_;
  std::unique_ptr<Node> node_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::optional<Endpoint> primary_;
  std::int64_t epoch_ = -1;
  bool is_started_ = false;
  TimerId timer_{};
  Instant check_at_ = Instant::max();
  // Shared with the timer's task, which finds out by it that this is gone.
  std::shared_ptr<int> life_ = std::make_shared<int>();
};

}  // namespace itemgate::redis
