#include "net/transport.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace itemgate {
namespace {

constexpr std::size_t kEncryptedBytes = 32 << 10;  // received at once
constexpr std::size_t kAheadBytesMax = 64 << 10;   // encrypted and not sent

bool IsForLater(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

iovec PieceOf(std::string_view bytes) {
  return {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
}

std::size_t SizeOf(const Transport::Pieces& pieces) { return pieces[0].size() + pieces[1].size(); }

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
  is_broken_ = false;
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

std::size_t Transport::Write(const Pieces& pieces) {
  ITEMGATE_CHECK(is_up());
  std::size_t taken = 0;
  bool has_room = true;
  if (tls_ == nullptr) {
    taken = Send(pieces);
    has_room = taken == SizeOf(pieces);
  } else {
    taken = Encrypt(pieces);
    has_room = SendTlsOutput() && taken == SizeOf(pieces);
  }
  WatchFor(has_room || is_broken_ ? Readiness::kRead : Readiness::kReadOrWrite);
  return taken;
}

/// Without a wait; what a broken connection does not take is found out by reading it.
std::size_t Transport::Send(const Pieces& pieces) {
  std::array<iovec, 2> parts{PieceOf(pieces[0]), PieceOf(pieces[1])};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  is_broken_ = sent < 0 && !IsForLater(errno);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

std::size_t Transport::Encrypt(const Pieces& pieces) {
  std::size_t taken = 0;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      if (tls_->Output().size() >= kAheadBytesMax && !SendTlsOutput()) return taken;
      const std::string_view part = piece.substr(0, kAheadBytesMax);
      if (!tls_->Write(part)) return taken;  // what fails here fails again when it is read
      taken += part.size();
      piece.remove_prefix(part.size());
    }
  }
  return taken;
}

/// False if some of it must wait, or goes nowhere.
bool Transport::SendTlsOutput() {
  const std::string_view output = tls_->Output();
  if (output.empty()) return true;
  const std::size_t sent = Send({output});
  tls_->Sent(sent);
  return sent == output.size();
}

bool Transport::IsQuiet() const {
  char byte;
  return ::recv(socket_.get(), &byte, 1, MSG_PEEK) < 0 && IsForLater(errno);
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
    if (tls_ == nullptr || SendTlsOutput() || is_broken_) WatchFor(Readiness::kRead);
    owner_.TransportMoved();
  }
}

void Transport::FinishConnecting() {
  if (const auto finished = FinishConnectTcp(socket_.get()); !finished) {
    Lose(TransportFailure::Kind::kUnreachable, finished.error().message);
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
  // Of a failure, it has the alert that tells the server why.
  const bool has_room = SendTlsOutput() || is_broken_;
  if (!done) {
    Lose(TransportFailure::Kind::kTls, done.error().message);
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
    if (stage_ == Stage::kHandshake)
      Lose(TransportFailure::Kind::kTls,
           "the server closed the connection during the TLS handshake; does it speak TLS on this "
           "port?");
    else
      Lose(TransportFailure::Kind::kClosed, "the server closed the connection");
  } else if (!IsForLater(errno)) {
    Lose(TransportFailure::Kind::kBroken,
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
      const bool is_end = read.error().code == ErrorCode::kIo;
      Lose(is_end ? TransportFailure::Kind::kClosed : TransportFailure::Kind::kTls,
           read.error().message);
      return;
    }
    if (*read == 0 || !owner_.TransportReceived(*read)) break;
  }
  if (is_open() && !SendTlsOutput() && !is_broken_) WatchFor(Readiness::kReadOrWrite);
  owner_.TransportMoved();
}

void Transport::Lose(TransportFailure::Kind kind, std::string message) {
  Close();
  owner_.TransportDown({.kind = kind, .message = std::move(message)});
}

void Transport::WatchFor(Readiness wanted) {
  if (watched_ == wanted) return;
  watched_ = wanted;
  loop_.ChangeWatch(socket_.get(), wanted, *this);
}

}  // namespace itemgate
