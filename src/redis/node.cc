#include "redis/node.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "net/transport.h"
#include "redis/connection.h"

namespace itemgate::redis {
namespace {

constexpr TlsWords kTlsWords{.ca_file = "sslCaFile=..., or ca_file= in a URI",
                             .certificate = "sslCertFile=..., sslKeyFile=...",
                             .server_name = "sslHost=...",
                             .plain = "use its tls-port, or leave TLS out",
                             .server_ca_file = "its tls-ca-cert-file",
                             .server_versions = "its tls-protocols"};

Failure FailureOf(const TransportFailure& why) {
  Failure failure{.may_have_run = true, .message = why.message};
  switch (why.kind) {
    case TransportFailure::Kind::kUnreachable:
      failure.kind = FailureKind::kUnreachable;
      failure.message.append("; ").append(AdviceFor(failure.kind));
      break;
    case TransportFailure::Kind::kTls:
      failure.kind = FailureKind::kTls;
      break;
    case TransportFailure::Kind::kClosed:
    case TransportFailure::Kind::kBroken:
      failure.kind = FailureKind::kConnectionLost;
      break;
  }
  return failure;
}

}  // namespace

/// Moves bytes and time between a Connection and its Transport.
class Node::Impl final : public std::enable_shared_from_this<Node::Impl>, private TransportOwner {
 public:
  Impl(const NodeContext& context, NodeOptions options, std::optional<TlsContext> tls,
       NodeListener* listener)
      : context_(context),
        options_(std::move(options)),
        tls_(std::move(tls)),
        connection_(options_, listener),
        transport_(context.loop, *this) {}

  void Start() {
    connection_.Start(context_.clock.Now());
    Settle();
  }

  void Stop() {
    connection_.Stop();
    Settle();
  }

  /// The last call; tasks that still hold this find nothing to do.
  void Close() {
    transport_.Close();
    if (timer_ != TimerId{}) context_.loop.Cancel(timer_);
    closed_ = true;
  }

  // Deadlines count from the beginning of the round: a call costs no look at the clock.
  void Send(const CommandList& commands, const CallOptions& options, Callback callback) {
    connection_.Send(commands, options, context_.loop.RoundTime(), std::move(callback));
    SettleSoon();
  }

  void Eval(const Script& script, const ScriptInput& input, const CallOptions& options,
            Callback callback) {
    connection_.Eval(script, input, options, context_.loop.RoundTime(), std::move(callback));
    SettleSoon();
  }

  void Flush() {
    if (!transport_.is_up() || connection_.transport_number() != opened_) return;
    const std::string_view output = connection_.Output();
    if (output.empty()) return;
    const std::size_t sent = transport_.Write({output});
    if (sent == 0) return;
    connection_.Sent(sent);
    ++connection_.counters().writes;
  }

  void SetEndpoint(const Endpoint& endpoint) {
    SetNextEndpoint(endpoint);
    connection_.Drop({.kind = FailureKind::kDisconnected, .message = "now the node is here"},
                     context_.clock.Now());
    Settle();
  }

  void SetNextEndpoint(const Endpoint& endpoint) {
    options_.endpoint = endpoint;
    addresses_.clear();
  }
  [[nodiscard]] bool has_next_address() const { return !addresses_.empty(); }

  void Leave(const Failure& why) {
    connection_.Leave(why, context_.clock.Now());
    SettleSoon();
  }

  [[nodiscard]] Connection& connection() { return connection_; }
  [[nodiscard]] const NodeOptions& options() const { return options_; }

 private:
  void SettleSoon() {
    if (settles_) return;  // or at the end of what runs now
    settles_ = true;
    context_.loop.AtEndOfRound([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Settle();
    });
  }

  void Settle() {
    if (closed_) return;
    settles_ = true;
    connection_.Settle();
    if (transport_.is_open() &&
        (connection_.transport_number() != opened_ || !connection_.wants_transport()))
      transport_.Close();
    if (connection_.wants_transport() && (!opened_ || *opened_ != connection_.transport_number()))
      Open();
    Flush();
    settles_ = false;
    if (!connection_.is_settled()) SettleSoon();  // a callback has sent something
    ArmTimer();
  }

  void Open() {
    opened_ = connection_.transport_number();
    if (const auto address = ResolveNumeric(options_.endpoint)) return Connect(*address);
    if (addresses_.empty()) return LookUp();
    ConnectToNext();
  }

  /// One at a time, whose result is for whatever attempt is made then: while the resolver is busy with the name of
  /// another node, attempts expire, and what they had asked for would keep it busy.
  void LookUp() {
    if (std::exchange(is_looking_up_, true)) return;
    context_.resolver.Post([weak = weak_from_this(), &loop = context_.loop,
                            look_up = context_.look_up, endpoint = options_.endpoint] {
      if (weak.expired()) return;
      loop.Post([weak, endpoint, addresses = look_up(endpoint)]() mutable {
        if (const auto self = weak.lock(); self && !self->closed_)
          self->LookedUp(endpoint, std::move(addresses));
      });
    });
  }

  void LookedUp(const Endpoint& endpoint, Result<std::vector<SocketAddress>> addresses) {
    is_looking_up_ = false;
    const bool is_awaited = connection_.wants_transport() &&
                            opened_ == connection_.transport_number() && !transport_.is_open();
    if (endpoint != options_.endpoint) {
      if (is_awaited) Open();
    } else if (addresses) {
      addresses_ = *std::move(addresses);
      if (is_awaited) ConnectToNext();
    } else if (is_awaited) {
      Down({.kind = FailureKind::kUnreachable, .message = addresses.error().message});
    }
    Settle();
  }

  void ConnectToNext() {
    const SocketAddress next = addresses_.front();
    addresses_.erase(addresses_.begin());
    Connect(next);
  }

  void Connect(const SocketAddress& address) {
    std::unique_ptr<TlsSession> tls;
    if (tls_) {
      auto made = tls_->NewSession(options_.endpoint.host);
      if (!made) return Down({.kind = FailureKind::kUnreachable, .message = made.error().message});
      tls = *std::move(made);
    }
    const auto begun = transport_.Open(address, options_.user_timeout, std::move(tls));
    if (!begun) Down({.kind = FailureKind::kUnreachable, .message = begun.error().message});
  }

  void Down(const Failure& why) {
    connection_.TransportDown(why, context_.clock.Now());
    SettleSoon();
  }

  void TransportUp() override {
    addresses_.clear();
    connection_.TransportUp();
    Settle();
  }
  std::span<char> TransportSpace() override { return connection_.Space(kSpaceBytesMin); }
  bool TransportReceived(std::size_t size) override {
    settles_ = true;  // once, when all of it is read
    const std::uint64_t number =
        connection_.transport_number();  // a callback may ask for another transport
    connection_.Received(size, context_.clock.Now());
    return connection_.transport_number() == number;
  }
  void TransportMoved() override { Settle(); }
  void TransportDown(const TransportFailure& why) override {
    settles_ = true;
    connection_.TransportDown(FailureOf(why), context_.clock.Now());
    Settle();
  }

  void ArmTimer() {
    const Instant next = connection_.next_tick();
    if (next == Instant::max() || (timer_ != TimerId{} && armed_for_ <= next)) return;
    if (timer_ != TimerId{}) context_.loop.Cancel(timer_);
    armed_for_ = next;
    timer_ = context_.loop.PostAfter(next - context_.clock.Now(), [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr || self->closed_) return;
      self->timer_ = TimerId{};
      self->settles_ = true;
      self->connection_.Tick(self->context_.clock.Now());
      self->Settle();
    });
  }

  static constexpr std::size_t kSpaceBytesMin = 16 << 10;

  const NodeContext context_;
  NodeOptions options_;
  const std::optional<TlsContext> tls_;
  Connection connection_;
  Transport transport_;
  bool is_looking_up_ = false;
  std::vector<SocketAddress> addresses_;  // of the endpoint, that the next attempts go to
  std::optional<std::uint64_t> opened_;   // the number of the transport that was opened last
  bool settles_ = false;                  // Settle will be called
  bool closed_ = false;
  TimerId timer_{};
  Instant armed_for_{};
};

Result<std::unique_ptr<Node>> Node::Make(const NodeContext& context, NodeOptions options,
                                         NodeListener* listener) {
  std::optional<TlsContext> tls;
  if (options.tls) {
    auto made = TlsContext::Make(*options.tls, kTlsWords);
    if (!made) return std::unexpected(made.error());
    tls = *std::move(made);
  }
  return std::unique_ptr<Node>(
      new Node(std::make_shared<Impl>(context, std::move(options), std::move(tls), listener)));
}

Node::Node(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() { impl_->Close(); }

void Node::Start() { impl_->Start(); }
void Node::Stop() { impl_->Stop(); }
void Node::Send(const CommandList& commands, const CallOptions& options, Callback callback) {
  impl_->Send(commands, options, std::move(callback));
}
void Node::Eval(const Script& script, const ScriptInput& input, const CallOptions& options,
                Callback callback) {
  impl_->Eval(script, input, options, std::move(callback));
}
void Node::TellMessages(MessageReceiver* messages) { impl_->connection().TellMessages(messages); }
void Node::Flush() { impl_->Flush(); }
void Node::SetEndpoint(const Endpoint& endpoint) { impl_->SetEndpoint(endpoint); }
void Node::SetNextEndpoint(const Endpoint& endpoint) { impl_->SetNextEndpoint(endpoint); }
bool Node::has_next_address() const { return impl_->has_next_address(); }
void Node::Leave(const Failure& why) { impl_->Leave(why); }
NodeState Node::state() const { return impl_->connection().state(); }
const Failure& Node::last_failure() const { return impl_->connection().last_failure(); }
const Endpoint& Node::endpoint() const { return impl_->options().endpoint; }
const NodeCounters& Node::counters() const { return impl_->connection().counters(); }
std::size_t Node::pending() const { return impl_->connection().pending(); }

}  // namespace itemgate::redis
