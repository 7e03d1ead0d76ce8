#include "redis/primary.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "redis/sentinel.h"

namespace itemgate::redis {
namespace {

/// All servers of a group are to be seen soon, even if most of them are down.
constexpr Duration kBackOffMax = std::chrono::milliseconds(500);

bool IsConnected(const Node& node) {
  return node.state() == NodeState::kReady || node.state() == NodeState::kUnresponsive;
}

class OnlyServer final : public Primary {
 public:
  explicit OnlyServer(std::unique_ptr<Node> node) : node_(std::move(node)) {}

  void Start() override { node_->Start(); }
  void Stop() override { node_->Stop(); }
  [[nodiscard]] Node& node() override { return *node_; }
  [[nodiscard]] bool is_connected() const override { return IsConnected(*node_); }

 private:
  const std::unique_ptr<Node> node_;
};

class OneOfSeveral final : public Primary, private NodeListener {
 public:
  OneOfSeveral(std::vector<Endpoint> endpoints, NodeListener* listener)
      : endpoints_(std::move(endpoints)), listener_(listener) {}

  [[nodiscard]] Result<void> Open(const NodeContext& context, NodeOptions options) {
    options.endpoint = endpoints_.front();
    options.back_off_max = std::min(options.back_off_max, kBackOffMax);
    auto made = Node::Make(context, std::move(options), this);
    if (!made) return std::unexpected(made.error());
    node_ = *std::move(made);
    return {};
  }

  void Start() override { node_->Start(); }
  void Stop() override { node_->Stop(); }
  [[nodiscard]] Node& node() override { return *node_; }
  [[nodiscard]] bool is_connected() const override { return is_primary_ && IsConnected(*node_); }

 private:
  void NodeChanged(NodeState state, const Failure* why) override {
    if (state == NodeState::kReady && !is_primary_) return AskRole();
    if (state != NodeState::kReady && state != NodeState::kUnresponsive) is_primary_ = false;
    if (state == NodeState::kWaiting && !node_->has_next_address()) node_->SetNextEndpoint(Next());
    if (listener_ != nullptr) listener_->NodeChanged(state, why);
  }

  void ErrorReplied(FailureKind kind, std::string_view text) override {
    if (kind == FailureKind::kReadOnly) node_->Leave({.kind = kind, .message = std::string(text)});
    if (listener_ != nullptr) listener_->ErrorReplied(kind, text);
  }

  void AskRole() {
    node_->Send(CommandList("ROLE"), {}, [this](const Answer& answer) {
      if (!answer.ok() && answer.failure->kind != FailureKind::kTimeout)
        return;  // another one is tried
      const bool is_forbidden = answer.ok() && answer.replies[0].is_error();  // READONLY will tell
      const Replies role = answer.ok() ? answer.replies[0].elements() : Replies();
      if (!is_forbidden && (role.empty() || role[0].text() != "master"))
        return node_->Leave({.kind = FailureKind::kReadOnly, .message = "it is not the primary"});
      is_primary_ = true;
      if (listener_ != nullptr) listener_->NodeChanged(NodeState::kReady, nullptr);
    });
  }

  [[nodiscard]] const Endpoint& Next() {
    current_ = (current_ + 1) % endpoints_.size();
    return endpoints_[current_];
  }

  const std::vector<Endpoint> endpoints_;
  NodeListener* const listener_;
  std::unique_ptr<Node> node_;
  std::size_t current_ = 0;  // of the endpoints: where the node is, or goes next
  bool is_primary_ = false;  // it has said so on this connection
};

}  // namespace

Result<std::unique_ptr<Primary>> Primary::Open(const NodeContext& context,
                                               const ConnectionSettings& settings,
                                               NodeListener* listener) {
  if (settings.topology == Topology::kCluster)
    return Fail(ErrorCode::kUnsupported,
                "a Redis Cluster has many primaries: name single servers, or Sentinels");
  if (settings.topology == Topology::kSentinel)
    return SentinelPrimary::Make(context, settings, listener);
  if (settings.endpoints.size() == 1) {
    auto node = Node::Make(context, settings.node, listener);
    if (!node) return std::unexpected(node.error());
    return std::make_unique<OnlyServer>(*std::move(node));
  }
  auto group = std::make_unique<OneOfSeveral>(settings.endpoints, listener);
  if (auto opened = group->Open(context, settings.node); !opened)
    return std::unexpected(opened.error());
  return group;
}

}  // namespace itemgate::redis
