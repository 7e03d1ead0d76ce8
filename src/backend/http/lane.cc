#include "backend/http/lane.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace itemgate::backend {
namespace {

/// A backend may take as long as it likes to answer; but its machine must be there.
constexpr std::chrono::seconds kSilenceMax{20};

bool IsForLater(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

iovec PieceOf(std::string_view bytes) {
  return {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
}

}  // namespace

void Lane::Begin(const Call& call) {
  ITEMGATE_CHECK(!is_busy_);
  is_busy_ = true;
  exchange_.Begin(call);
  if (is_connected_) Send();
}

void Lane::Connect(const SocketAddress& address) {
  auto begun = BeginConnectTcp(address);
  if (!begun) return GiveUp("the backend cannot be reached: " + begun.error().message);
  LimitSilence(begun->get(), kSilenceMax);
  if (const auto watched = loop_.Watch(begun->get(), Readiness::kWrite, *this); !watched)
    return GiveUp(watched.error().message);
  socket_ = *std::move(begun);
  watched_ = Readiness::kWrite;
}

void Lane::Close() {
  if (!is_open()) return;
  loop_.Unwatch(socket_.get(), *this);
  socket_.Close();
}

bool Lane::IsQuiet() const {
  char byte;
  return ::recv(socket_.get(), &byte, 1, MSG_PEEK) < 0 && IsForLater(errno);
}

void Lane::Ready(Readiness readiness) {
  if (!is_connected_) return FinishConnecting();
  if (Includes(readiness, Readiness::kRead)) return Read();
  if (is_busy_) Send();
}

void Lane::FinishConnecting() {
  if (const auto finished = FinishConnectTcp(socket_.get()); !finished)
    return GiveUp("the backend cannot be reached: " + finished.error().message);
  is_connected_ = true;
  Send();
}

/// What a broken connection does not take is found out by reading it.
void Lane::Send() {
  const auto output = exchange_.Output();
  std::array<iovec, 2> pieces{PieceOf(output[0]), PieceOf(output[1])};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  if (sent > 0) exchange_.Sent(static_cast<std::size_t>(sent));
  const bool goes_on = !exchange_.all_sent() && (sent >= 0 || IsForLater(errno));
  WatchFor(goes_on ? Readiness::kReadOrWrite : Readiness::kRead);
}

void Lane::Read() {
  std::array<char, 16 << 10> buffer;
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  const int error = size < 0 ? errno : 0;
  if (IsForLater(error)) return;
  if (!is_busy_) {  // closed, or something that nobody asked for
    Close();
    return owner_.IdleLost(*this);
  }
  if (size == 0) return End(exchange_.PeerClosed());
  if (size < 0)
    return GiveUp("the connection to the backend broke: " + std::system_category().message(error));
  auto verdict = exchange_.Receive({buffer.data(), static_cast<std::size_t>(size)});
  if (verdict) End(*std::move(verdict));
}

void Lane::End(Verdict verdict) {
  is_busy_ = false;
  if (!exchange_.keeps_connection()) Close();
  owner_.CallEnded(*this, std::move(verdict));
}

void Lane::WatchFor(Readiness wanted) {
  if (watched_ == wanted) return;
  watched_ = wanted;
  loop_.ChangeWatch(socket_.get(), wanted, *this);
}

}  // namespace itemgate::backend
