#include "redis/transport.h"

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace itemgate::redis {
namespace {

constexpr std::size_t kEncryptedBytes = 32 << 10;

bool IsForLater(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

/// Sends without a wait; what a broken connection does not take is found out by reading it.
std::size_t SendNow(int fd, std::string_view bytes, bool& is_broken) {
  const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  is_broken = sent < 0 && !IsForLater(errno);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

}  // namespace

Result<void> Transport::Open(const SocketAddress& address, Duration silence_max,
                             std::unique_ptr<TlsSession> tls) {
  ITEMGATE_CHECK(!is_open());
  auto begun = BeginConnectTcp(address);
  if (!begun) return std::unexpected(begun.error());
  LimitSilence(begun->get(), std::chrono::ceil<std::chrono::milliseconds>(silence_max));
  if (auto watched = loop_.Watch(begun->get(), Readiness::kWrite, *this); !watched) return watched;
  socket_ = *std::move(begun);
  watched_ = Readiness::kWrite;
  stage_ = Stage::kConnecting;
  tls_ = std::move(tls);
  if (tls_ != nullptr) encrypted_.resize(kEncryptedBytes);
  return {};
}

void Transport::Close() {
  if (!is_open()) return;
  loop_.Unwatch(socket_.get(), *this);
  socket_.Close();
  stage_ = Stage::kClosed;
}

std::size_t Transport::Write(std::string_view bytes) {
  ITEMGATE_CHECK(is_up());
  bool is_broken = false;
  std::size_t taken = 0;
  bool has_room = true;
  if (tls_ == nullptr) {
    taken = SendNow(socket_.get(), bytes, is_broken);
    has_room = taken == bytes.size();
  } else if (has_room = SendTlsOutput(); has_room) {  // else the last bytes still wait
    // What fails here fails again when it is read.
    if (tls_->Write(bytes)) taken = bytes.size();
    has_room = SendTlsOutput();
  }
  WatchFor(has_room || is_broken ? Readiness::kRead : Readiness::kReadOrWrite);
  return taken;
}

bool Transport::SendTlsOutput() {
  const std::string_view output = tls_->Output();
  if (output.empty()) return true;
  bool is_broken = false;
  const std::size_t sent = SendNow(socket_.get(), output, is_broken);
  tls_->Sent(sent);
  return sent == output.size() || is_broken;
}

void Transport::Ready(Readiness readiness) {
  if (stage_ == Stage::kConnecting) {
    FinishConnecting();
  } else if (stage_ == Stage::kHandshake) {
    if (Includes(readiness, Readiness::kRead)) {
      const std::size_t size = Receive(encrypted_);
      if (!is_open()) return;
      tls_->Feed({encrypted_.data(), size});
    }
    GoOnWithHandshake();
  } else if (Includes(readiness, Readiness::kRead)) {
    tls_ == nullptr ? Read() : ReadTls();
  } else {
    if (tls_ != nullptr && SendTlsOutput()) WatchFor(Readiness::kRead);
    if (tls_ == nullptr) WatchFor(Readiness::kRead);
    owner_.TransportMoved();
  }
}

void Transport::FinishConnecting() {
  if (const auto finished = FinishConnectTcp(socket_.get()); !finished) {
    Lose(FailureKind::kUnreachable,
         finished.error().message + "; " + std::string(AdviceFor(FailureKind::kUnreachable)));
    return;
  }
  if (tls_ != nullptr) {
    stage_ = Stage::kHandshake;
    GoOnWithHandshake();
    return;
  }
  stage_ = Stage::kUp;
  WatchFor(Readiness::kRead);
  owner_.TransportUp();
}

void Transport::GoOnWithHandshake() {
  const auto done = tls_->Handshake();
  const bool has_room =
      SendTlsOutput();  // of a failure, it has the alert that tells the server why
  if (!done) {
    Lose(FailureKind::kTls, done.error().message);
    return;
  }
  WatchFor(has_room ? Readiness::kRead : Readiness::kReadOrWrite);
  if (!*done) return;
  stage_ = Stage::kUp;
  owner_.TransportUp();
  if (is_up()) ReadTls();  // what came with the handshake's last bytes
}

/// How many bytes came; 0 if none did, or if the connection is lost.
std::size_t Transport::Receive(std::span<char> space) {
  const ssize_t size = ::recv(socket_.get(), space.data(), space.size(), 0);
  if (size > 0) return static_cast<std::size_t>(size);
  if (size == 0) {
    Lose(stage_ == Stage::kHandshake ? FailureKind::kTls : FailureKind::kConnectionLost,
         stage_ == Stage::kHandshake ? "the server closed the connection during the TLS handshake; "
                                       "does it speak TLS on this port?"
                                     : "the server closed the connection");
  } else if (!IsForLater(errno)) {
    Lose(FailureKind::kConnectionLost,
         "the connection broke: " + std::system_category().message(errno));
  }
  return 0;
}

void Transport::Read() {
  const std::size_t size = Receive(owner_.TransportSpace());
  if (size == 0) return;
  (void)owner_.TransportReceived(size);
  owner_.TransportMoved();
}

void Transport::ReadTls() {
  const std::size_t size = Receive(encrypted_);
  if (!is_open()) return;
  tls_->Feed({encrypted_.data(), size});
  while (true) {
    const auto read = tls_->Read(owner_.TransportSpace());
    if (!read) {
      (void)SendTlsOutput();
      Lose(read.error().code == ErrorCode::kIo ? FailureKind::kConnectionLost : FailureKind::kTls,
           read.error().message);
      return;
    }
    if (*read == 0 || !owner_.TransportReceived(*read)) break;
  }
  if (is_open() && !SendTlsOutput()) WatchFor(Readiness::kReadOrWrite);
  owner_.TransportMoved();
}

void Transport::Lose(FailureKind kind, std::string message) {
  Close();
  owner_.TransportDown({.kind = kind, .may_have_run = true, .message = std::move(message)});
}

void Transport::WatchFor(Readiness wanted) {
  if (watched_ == wanted) return;
  watched_ = wanted;
  loop_.ChangeWatch(socket_.get(), wanted, *this);
}

}  // namespace itemgate::redis
