#include "redis/cluster.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/check.h"

namespace itemgate::redis {
namespace {

constexpr std::size_t kPeersMax = 1024;
constexpr int kRedirectionsMax = 5;  // of one call
constexpr Duration kLearnPause = std::chrono::milliseconds(50);
constexpr Duration kIncompletePause = std::chrono::milliseconds(300);

struct Direction {
  std::uint16_t slot = 0;
  Endpoint endpoint;
};

/// Reads "MOVED 3999 127.0.0.1:6381"; without a host, that of who tells.
std::optional<Direction> ParseDirection(std::string_view text, const Endpoint& teller) {
  const std::size_t first = text.find(' ');
  const std::size_t second = text.find(' ', first + 1);
  const std::size_t colon = text.rfind(':');
  if (second == text.npos || colon == text.npos || colon < second) return std::nullopt;
  Direction direction;
  const char* const slot_end = text.data() + second;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data() + first + 1, slot_end, direction.slot).ptr != slot_end ||
      std::from_chars(text.data() + colon + 1, end, direction.endpoint.port).ptr != end ||
      direction.slot >= kClusterSlots)
    return std::nullopt;
  direction.endpoint.host = text.substr(second + 1, colon - second - 1);
  if (direction.endpoint.host.empty()) direction.endpoint.host = teller.host;
  return direction;
}

}  // namespace

/// A call until it is answered, for it may have to be sent again.
struct Cluster::Call {
  std::move_only_function<void(Node&, const CallOptions&, Callback)> send;
  CallOptions options;
  Instant deadline;
  Callback callback;
  std::uint16_t slot = 0;
  std::size_t command_count = 1;
  int redirection_count = 0;
};

class Cluster::Peer final : private NodeListener {
 public:
  explicit Peer(Cluster& cluster) : cluster_(cluster) {}

  [[nodiscard]] Result<void> Open(NodeOptions options) {
    auto made = Node::Make(cluster_.context_, std::move(options), this);
    if (!made) return std::unexpected(made.error());
    node_ = *std::move(made);
    return {};
  }
  [[nodiscard]] Node& node() { return *node_; }

 private:
  void NodeChanged(NodeState state, const Failure* /*why*/) override {
    const bool is_news =
        state == NodeState::kReady ? !cluster_.is_complete_ : state == NodeState::kWaiting;
    if (is_news) cluster_.LearnSoon({});
  }
  void ErrorReplied(FailureKind kind, std::string_view /*text*/) override {
    if (kind == FailureKind::kMoved || kind == FailureKind::kClusterDown ||
        kind == FailureKind::kReadOnly)
      cluster_.LearnSoon({});
  }

  Cluster& cluster_;
  std::unique_ptr<Node> node_;
};

Cluster::Cluster(const NodeContext& context, const ConnectionSettings& settings)
    : context_(context), settings_(settings) {}

Result<std::unique_ptr<Cluster>> Cluster::Make(const NodeContext& context,
                                               const ConnectionSettings& settings) {
  std::unique_ptr<Cluster> made(new Cluster(context, settings));
  for (const Endpoint& endpoint : settings.endpoints) {
    auto peer = std::make_unique<Peer>(*made);
    NodeOptions options = settings.node;
    options.endpoint = endpoint;
    if (auto opened = peer->Open(std::move(options)); !opened)
      return std::unexpected(opened.error());
    made->peers_.push_back(std::move(peer));
  }
  return made;
}

Cluster::~Cluster() {
  if (timer_ != TimerId{}) context_.loop.Cancel(timer_);
}

void Cluster::Start() {
  is_started_ = true;
  for (const auto& peer : peers_) peer->node().Start();
  LearnSoon({});
}

void Cluster::Stop() {
  is_started_ = false;
  for (const auto& peer : peers_) peer->node().Stop();
}

void Cluster::Send(std::string_view key, const CommandList& commands, const CallOptions& options,
                   Callback callback) {
  auto call = std::make_unique<Call>();
  call->send = [commands](Node& node, const CallOptions& left, Callback told) {
    node.Send(commands, left, std::move(told));
  };
  call->command_count = commands.size();
  call->options = options;
  Begin(key, std::move(call), std::move(callback));
}

void Cluster::Eval(const Script& script, const ScriptInput& input, const CallOptions& options,
                   Callback callback) {
  ITEMGATE_CHECK(!input.keys.empty());
  auto call = std::make_unique<Call>();
  call->send = [&script, keys = std::vector<std::string>(input.keys.begin(), input.keys.end()),
                arguments =
                    std::vector<std::string>(input.arguments.begin(), input.arguments.end())](
                   Node& node, const CallOptions& left, Callback told) {
    const std::vector<std::string_view> key_views(keys.begin(), keys.end());
    const std::vector<std::string_view> argument_views(arguments.begin(), arguments.end());
    node.Eval(script, {key_views, argument_views}, left, std::move(told));
  };
  call->options = options;
  Begin(input.keys[0], std::move(call), std::move(callback));
}

void Cluster::Begin(std::string_view key, std::unique_ptr<Call> call, Callback callback) {
  if (call->options.timeout <= Duration::zero())
    call->options.timeout = settings_.node.call_timeout;
  call->deadline = context_.clock.Now() + call->options.timeout;
  call->callback = std::move(callback);
  call->slot = ClusterSlot(key);
  Peer& peer = PeerFor(call->slot);
  Dispatch(std::move(call), peer, Asking::kNo);
}

void Cluster::Dispatch(std::unique_ptr<Call> call, Peer& peer, Asking asking) {
  // One thread: nothing comes between the two.
  if (asking == Asking::kYes)
    peer.node().Send(CommandList("ASKING"), call->options, [](const Answer&) {});
  Call& sent = *call;
  sent.send(peer.node(), sent.options,
            [this, &peer, owned = std::move(call)](const Answer& answer) mutable {
              if (!Redirect(owned, peer, answer)) owned->callback(answer);
            });
}

bool Cluster::Redirect(std::unique_ptr<Call>& call, Peer& by, const Answer& answer) {
  const Duration left = call->deadline - context_.clock.Now();
  if (answer.late || left <= Duration::zero() || call->redirection_count >= kRedirectionsMax)
    return false;
  if (!answer.ok()) {  // perhaps by a node that has lost its slots, which was stopped
    if (answer.failure->kind != FailureKind::kStopped || answer.failure->may_have_run ||
        !is_started_)
      return false;
    Peer& peer = PeerFor(call->slot);
    SendAgain(std::move(call), peer, Asking::kNo);
    return true;
  }
  if (!answer.replies[0].is_error()) return false;
  const Reply& reply = answer.replies[0];
  const FailureKind kind = reply.error_kind();
  const bool is_ask = kind == FailureKind::kAsk && call->command_count == 1;
  if (kind != FailureKind::kMoved && !is_ask) return false;
  const auto direction = ParseDirection(reply.text(), by.node().endpoint());
  Peer* const peer = direction ? PeerAt(direction->endpoint) : nullptr;
  if (peer == nullptr) return false;
  if (!is_ask) slots_[direction->slot] = peer;
  SendAgain(std::move(call), *peer, is_ask ? Asking::kYes : Asking::kNo);
  return true;
}

void Cluster::SendAgain(std::unique_ptr<Call> call, Peer& peer, Asking asking) {
  ++redirections_;
  ++call->redirection_count;
  call->options.timeout = call->deadline - context_.clock.Now();
  // The connection may be new: that it is not there yet is no reason to give up.
  call->options.when_down = CallOptions::WhenDown::kWait;
  Dispatch(std::move(call), peer, asking);
}

Cluster::Peer& Cluster::PeerFor(std::uint16_t slot) {
  if (slots_[slot] != nullptr) return *slots_[slot];
  const auto ready = std::ranges::find_if(
      peers_, [](const auto& peer) { return peer->node().state() == NodeState::kReady; });
  return ready == peers_.end() ? *peers_.front() : **ready;  // who will say where it is
}

Cluster::Peer* Cluster::PeerAt(const Endpoint& endpoint) {
  const std::string name = endpoint.ToString();
  const auto known = std::ranges::find_if(
      peers_, [&](const auto& peer) { return peer->node().endpoint().ToString() == name; });
  Peer* peer = known == peers_.end() ? nullptr : known->get();
  if (peer == nullptr) {
    if (peers_.size() >= kPeersMax) return nullptr;
    auto made = std::make_unique<Peer>(*this);
    NodeOptions options = settings_.node;
    options.endpoint = endpoint;
    options.seed += peers_.size();
    if (!made->Open(std::move(options))) return nullptr;  // a TLS file is gone
    peer = peers_.emplace_back(std::move(made)).get();
  }
  if (is_started_) peer->node().Start();  // if it was stopped, or is new
  return peer;
}

void Cluster::LearnSoon(Duration delay) {
  const Instant at = context_.clock.Now() + std::max(delay, kLearnPause);
  if (timer_ != TimerId{}) {
    if (learn_at_ <= at) return;
    context_.loop.Cancel(timer_);
  }
  learn_at_ = at;
  timer_ =
      context_.loop.PostAfter(at - context_.clock.Now(), [this, life = std::weak_ptr<int>(life_)] {
        if (life.expired()) return;
        timer_ = TimerId{};
        Learn();
      });
}

void Cluster::Learn() {
  if (!is_started_) return;
  bool is_well = is_complete_;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = *peers_[next_teller_++ % peers_.size()];
    if (peer.node().state() != NodeState::kReady) {
      is_well = false;
      continue;
    }
    peer.node().Send(CommandList("CLUSTER", "SLOTS"), {}, [this, &peer](const Answer& answer) {
      if (answer.ok()) TakeSlots(answer.replies[0].elements(), peer.node().endpoint());
    });
    break;
  }
  LearnSoon(is_well ? settings_.topology_check : kIncompletePause);
}

void Cluster::TakeSlots(Replies ranges, const Endpoint& teller) {
  std::array<Peer*, kClusterSlots> slots{};
  std::size_t count = 0;
  for (const Reply& range : ranges) {
    const Replies parts = range.elements();
    if (parts.size() < 3 || parts[2].elements().size() < 2) continue;
    const Replies primary = parts[2].elements();
    Endpoint endpoint{.host = std::string(primary[0].text()),
                      .port = static_cast<std::uint16_t>(primary[1].integer())};
    if (endpoint.host.empty()) endpoint.host = teller.host;
    Peer* const peer = PeerAt(endpoint);
    const std::int64_t first = std::max<std::int64_t>(parts[0].integer(), 0);
    const std::int64_t last = std::min<std::int64_t>(parts[1].integer(), kClusterSlots - 1);
    for (std::int64_t slot = first; slot <= last; ++slot) {
      slots[static_cast<std::size_t>(slot)] = peer;
      ++count;
    }
  }
  if (count == 0) return;
  slots_ = slots;
  is_complete_ = count == kClusterSlots;
  if (is_complete_) StopTheReplaced();
}

/// What waits for a node that is gone, and has no slots any more, goes to who has them now.
void Cluster::StopTheReplaced() {
  for (std::size_t i = 0; i < peers_.size(); ++i) {  // what is sent again may make new ones
    Peer& peer = *peers_[i];
    const NodeState state = peer.node().state();
    const bool is_gone = state == NodeState::kWaiting || state == NodeState::kConnecting;
    if (is_gone && std::ranges::find(slots_, &peer) == slots_.end()) peer.node().Stop();
  }
}

}  // namespace itemgate::redis
