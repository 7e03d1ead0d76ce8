#include "redis/sentinel.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

namespace itemgate::redis {
namespace {

constexpr Duration kCheckPause = std::chrono::milliseconds(100);
constexpr Duration kLostCheckPause = std::chrono::milliseconds(500);  // while there is no primary
constexpr std::string_view kSwitchChannel = "+switch-master";

template <typename Number>
std::optional<Number> ToNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<SentinelWord> ReadSentinelWord(Replies fields) {
  // Who leads a failover gives the new epoch with the old address, until the last replica follows the new primary.
  if (ValueOf(fields, "flags").contains("failover_in_progress")) return std::nullopt;
  const std::string_view host = ValueOf(fields, "ip");
  const auto port = ToNumber<std::uint16_t>(ValueOf(fields, "port"));
  const auto epoch = ToNumber<std::int64_t>(ValueOf(fields, "config-epoch"));
  if (host.empty() || !port || !epoch) return std::nullopt;
  return SentinelWord{.primary = {.host = std::string(host), .port = *port}, .epoch = *epoch};
}

/// One Sentinel: a node to ask, and a subscriber to what it announces.
class SentinelPrimary::Peer final : private NodeListener, private SubscriberOwner {
 public:
  explicit Peer(SentinelPrimary& owner) : owner_(owner) {}

  [[nodiscard]] Result<void> Open(const NodeOptions& options) {
    auto node = Node::Make(owner_.context_, options, this);
    if (!node) return std::unexpected(node.error());
    auto subscriber = Subscriber::Make(owner_.context_, options, {}, *this);
    if (!subscriber) return std::unexpected(subscriber.error());
    node_ = *std::move(node);
    subscriber_ = *std::move(subscriber);
    return subscriber_->Subscribe(kSwitchChannel);
  }
  void Start() {
    node_->Start();
    subscriber_->Start();
  }
  void Stop() {
    node_->Stop();
    subscriber_->Stop();
  }

  /// That the primary is there, since that epoch.
  [[nodiscard]] bool Says(const Endpoint& primary, std::int64_t epoch) const {
    return said_ == std::pair(primary.ToString(), epoch);
  }

  void Ask() {
    node_->Send(CommandList("SENTINEL", "MASTER", owner_.settings_.service_name), {},
                [this](const Answer& answer) {
                  if (!answer.ok()) return;
                  const auto word = ReadSentinelWord(answer.replies[0].elements());
                  if (!word) return;
                  said_ = {word->primary.ToString(), word->epoch};
                  owner_.Learn(word->primary, word->epoch);
                });
  }

 private:
  void NodeChanged(NodeState state, const Failure* /*why*/) override {
    said_ = {};
    if (state == NodeState::kReady) owner_.CheckSoon({});
  }
  void ErrorReplied(FailureKind /*kind*/, std::string_view /*text*/) override {}
  void Subscribed(std::string_view /*channel*/, const Failure* /*failure*/) override {
    owner_.CheckSoon({});  // whatever was announced before
  }
  void MessageCame(std::string_view /*channel*/, std::string_view /*payload*/) override {
    owner_.CheckSoon({});
  }
  void Interrupted(const Failure& /*why*/) override {}

  SentinelPrimary& owner_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<Subscriber> subscriber_;
  std::pair<std::string, std::int64_t>
      said_;  // on this connection: the primary's address and its epoch
};

SentinelPrimary::SentinelPrimary(const NodeContext& context, const ConnectionSettings& settings,
                                 NodeListener* listener)
    : context_(context), settings_(settings), listener_(listener) {}

Result<std::unique_ptr<SentinelPrimary>> SentinelPrimary::Make(const NodeContext& context,
                                                               const ConnectionSettings& settings,
                                                               NodeListener* listener) {
  std::unique_ptr<SentinelPrimary> made(new SentinelPrimary(context, settings, listener));
  auto node = Node::Make(context, settings.node, made.get());
  if (!node) return std::unexpected(node.error());
  made->node_ = *std::move(node);
  for (const Endpoint& endpoint : settings.endpoints) {
    NodeOptions options = settings.node;
    options.endpoint = endpoint;
    options.greeting = settings.sentinel_greeting;
    auto peer = std::make_unique<Peer>(*made);
    if (auto opened = peer->Open(options); !opened) return std::unexpected(opened.error());
    made->peers_.push_back(std::move(peer));
  }
  return made;
}

SentinelPrimary::~SentinelPrimary() {
  if (timer_ != TimerId{}) context_.loop.Cancel(timer_);
}

void SentinelPrimary::Start() {
  is_started_ = true;
  if (primary_) node_->Start();
  for (const auto& peer : peers_) peer->Start();
  CheckSoon({});
}

void SentinelPrimary::Stop() {
  is_started_ = false;
  for (const auto& peer : peers_) peer->Stop();
  node_->Stop();
}

void SentinelPrimary::NodeChanged(NodeState state, const Failure* why) {
  if (state == NodeState::kWaiting || state == NodeState::kUnresponsive) CheckSoon({});
  if (listener_ != nullptr) listener_->NodeChanged(state, why);
}

void SentinelPrimary::ErrorReplied(FailureKind kind, std::string_view text) {
  if (kind == FailureKind::kReadOnly || kind == FailureKind::kMasterDown) CheckSoon({});
  if (listener_ != nullptr) listener_->ErrorReplied(kind, text);
}

void SentinelPrimary::CheckSoon(Duration delay) {
  const Instant at = context_.clock.Now() + std::max(delay, kCheckPause);
  if (timer_ != TimerId{}) {
    if (check_at_ <= at) return;
    context_.loop.Cancel(timer_);
  }
  check_at_ = at;
  timer_ =
      context_.loop.PostAfter(at - context_.clock.Now(), [this, life = std::weak_ptr<int>(life_)] {
        if (life.expired()) return;
        timer_ = TimerId{};
        Check();
      });
}

void SentinelPrimary::Check() {
  if (!is_started_) return;
  for (const auto& peer : peers_) peer->Ask();
  const bool is_well = node_->state() == NodeState::kReady;
  CheckSoon(is_well ? settings_.topology_check : kLostCheckPause);
}

bool SentinelPrimary::DoMostSay(const Endpoint& primary, std::int64_t epoch) const {
  const auto count =
      std::ranges::count_if(peers_, [&](const auto& peer) { return peer->Says(primary, epoch); });
  return 2 * static_cast<std::size_t>(count) > peers_.size();
}

void SentinelPrimary::Learn(const Endpoint& primary, std::int64_t epoch) {
  if (!is_started_ || (epoch < epoch_ && !DoMostSay(primary, epoch))) return;
  epoch_ = epoch;
  if (primary_ && primary_->ToString() == primary.ToString()) return;
  const bool is_first = !primary_;
  primary_ = primary;
  node_->SetEndpoint(primary);
  if (is_first) node_->Start();
}

}  // namespace itemgate::redis
