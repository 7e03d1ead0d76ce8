#include "backend/http/lane.h"

#include <chrono>
#include <utility>

#include "base/check.h"

namespace itemgate::backend {
namespace {

/// A backend may take as long as it likes to answer; but its machine must be there.
constexpr std::chrono::seconds kSilenceMax{20};

std::string Explain(const TransportFailure& why) {
  switch (why.kind) {
    case TransportFailure::Kind::kUnreachable:
      return "the backend cannot be reached: " + why.message;
    case TransportFailure::Kind::kTls:
      return "there is no secure connection to the backend: " + why.message;
    case TransportFailure::Kind::kClosed:
    case TransportFailure::Kind::kBroken:
      break;
  }
  return "of the connection to the backend: " + why.message;
}

}  // namespace

void Lane::Begin(const Call& call) {
  ITEMGATE_CHECK(!is_busy_);
  is_busy_ = true;
  exchange_.Begin(call);
  if (transport_.is_up()) Send();
}

void Lane::Connect(const SocketAddress& address, std::unique_ptr<TlsSession> tls) {
  if (const auto begun = transport_.Open(address, kSilenceMax, std::move(tls)); !begun)
    GiveUp("the backend cannot be reached: " + begun.error().message);
}

/// What a broken connection does not take is found out by reading it.
void Lane::Send() {
  if (!exchange_.all_sent()) exchange_.Sent(transport_.Write(exchange_.Output()));
}

bool Lane::TransportReceived(std::size_t size) {
  if (!is_busy_) {  // something that nobody asked for
    Close();
    owner_.IdleLost(*this);
  } else if (auto verdict = exchange_.Receive({space_.data(), size})) {
    End(*std::move(verdict));
  }
  return is_open();
}

void Lane::TransportMoved() {
  if (is_busy_ && transport_.is_up()) Send();
}

void Lane::TransportDown(const TransportFailure& why) {
  if (!is_busy_) return owner_.IdleLost(*this);
  if (why.kind == TransportFailure::Kind::kClosed) return End(exchange_.PeerClosed());
  GiveUp(Explain(why));
}

void Lane::End(Verdict verdict) {
  is_busy_ = false;
  if (!exchange_.keeps_connection()) Close();
  owner_.CallEnded(*this, std::move(verdict));
}

}  // namespace itemgate::backend
