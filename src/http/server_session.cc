#include "http/server_session.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "http/server_loop.h"

namespace itemgate::http {
namespace {

bool IsTransient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

ServerSession::ServerSession(ServerLoop& loop, Descriptor socket, std::string address)
    : loop_(loop),
      socket_(std::move(socket)),
      address_(std::move(address)),
      connection_(std::make_shared<ServerConnection>(loop.context(), *this, address_)) {}

Result<void> ServerSession::Begin() { return loop_.events().Watch(socket_.get(), wanted_, *this); }

void ServerSession::End() {
  loop_.events().Unwatch(socket_.get(), *this);
  if (connection_->closing() == ServerConnection::Closing::kReset) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  socket_.Close();
  connection_->Lost();
}

void ServerSession::Ready(Readiness readiness) {
  loop_.BeginRound();
  // Nothing was asked for, so this is the end of the connection.
  if (wanted_ == Readiness::kNone) return loop_.Remove(*this);
  if (Includes(readiness, Readiness::kRead) && Includes(wanted_, Readiness::kRead)) {
    if (Read() == Flow::kEnded) return loop_.Remove(*this);
  }
  Settle();
}

void ServerSession::Tick() {
  connection_->Tick();
  Settle();
}

void ServerSession::Drain() {
  // What has reached the machine counts as received.
  if (connection_->wants_input() && Read() == Flow::kEnded) return loop_.Remove(*this);
  connection_->Drain();
  Settle();
}

void ServerSession::Touched() { loop_.Touched(*this); }

ServerSession::Flow ServerSession::Read() {
  const auto buffer = loop_.read_buffer();
  const ssize_t length = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (length > 0) {
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(length));
    loop_.context().counters.bytes_received.Add(bytes.size());
    connection_->Receive(bytes);
  } else if (length == 0) {
    connection_->InputEnded();
  } else if (!IsTransient(errno)) {
    return Flow::kEnded;
  }
  return Flow::kGoesOn;
}

ServerSession::Flow ServerSession::Send() {
  const std::string_view output = connection_->Output();
  if (output.empty()) return Flow::kGoesOn;
  const ssize_t length = ::send(socket_.get(), output.data(), output.size(), MSG_NOSIGNAL);
  if (length < 0) return IsTransient(errno) ? Flow::kGoesOn : Flow::kEnded;
  loop_.context().counters.bytes_sent.Add(static_cast<std::uint64_t>(length));
  connection_->Sent(static_cast<std::size_t>(length));
  return Flow::kGoesOn;
}

void ServerSession::Settle() {
  using Closing = ServerConnection::Closing;
  do {
    if (Send() == Flow::kEnded) return loop_.Remove(*this);
  } while (connection_->Output().empty() && connection_->Continue());

  if (connection_->closing() == Closing::kAfterOutput && connection_->Output().empty()) {
    ::shutdown(socket_.get(), SHUT_WR);
    connection_->HalfClosed();
  }
  const Closing closing = connection_->closing();
  if (closing == Closing::kNow || closing == Closing::kReset) return loop_.Remove(*this);
  connection_->OutputDrained();
  Watch();
}

void ServerSession::Watch() {
  const bool reads = connection_->wants_input();
  const bool writes = !connection_->Output().empty();
  const auto wanted = static_cast<Readiness>((reads ? 1 : 0) | (writes ? 2 : 0));
  if (wanted == wanted_) return;
  wanted_ = wanted;
  loop_.events().ChangeWatch(socket_.get(), wanted, *this);
}

}  // namespace itemgate::http
