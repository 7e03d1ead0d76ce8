#include "load/connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace itemgate::load {
namespace {

std::string ReasonOf(int error) { return std::system_category().message(error); }

bool IsForLater(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Connection::Connection(const Shared& shared, std::size_t index)
    : shared_(shared), index_(index), waiting_(shared.pipelined_max) {
  ITEMGATE_CHECK(shared.pipelined_max > 0);
}

Connection::~Connection() { Close(); }

void Connection::Connect() {
  ITEMGATE_CHECK(is_closed());
  auto begun = BeginConnectTcp(shared_.address);
  if (begun) {
    socket_ = std::move(*begun);
    if (auto watched = shared_.loop.Watch(socket_.get(), Readiness::kWrite, *this); watched) {
      watched_ = Readiness::kWrite;
      return;
    } else {
      socket_.Close();
      begun = std::unexpected(watched.error());
    }
  }
  // Told from the loop, so that whoever connects is never called back meanwhile.
  shared_.loop.Post([this, why = begun.error()] { shared_.owner.Lost(*this, why, 0); });
}

void Connection::Close() {
  if (is_closed()) return;
  shared_.loop.Unwatch(socket_.get(), *this);
  socket_.Close();
  connected_ = false;
  closes_ = false;
  unasked_ = false;
  scanner_.Restart();
  output_.clear();
  output_sent_ = 0;
  waiting_first_ = 0;
  waiting_count_ = 0;
}

void Connection::AddSent(const SentRequest& request) {
  ITEMGATE_CHECK(HasRoom());
  std::size_t place = waiting_first_ + waiting_count_;
  if (place >= waiting_.size()) place -= waiting_.size();
  waiting_[place] = request;
  ++waiting_count_;
}

void Connection::Flush() {
  while (output_sent_ < output_.size()) {
    const ssize_t sent = ::send(socket_.get(), output_.data() + output_sent_,
                                output_.size() - output_sent_, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      // A broken connection is readable at once, and reading tells how it ended.
      WatchFor(IsForLater(errno) ? Readiness::kReadOrWrite : Readiness::kRead);
      return;
    }
    output_sent_ += static_cast<std::size_t>(sent);
  }
  output_.clear();
  output_sent_ = 0;
  WatchFor(Readiness::kRead);
}

void Connection::Ready(Readiness readiness) {
  if (!connected_) {
    FinishConnecting();
    return;
  }
  if (Includes(readiness, Readiness::kWrite)) Flush();
  if (Includes(readiness, Readiness::kRead)) Read();
}

void Connection::FinishConnecting() {
  if (auto finished = FinishConnectTcp(socket_.get()); !finished) {
    Lose(finished.error());
    return;
  }
  connected_ = true;
  WatchFor(Readiness::kRead);
  shared_.owner.Connected(*this);
}

void Connection::Read() {
  const ssize_t size =
      ::recv(socket_.get(), shared_.read_buffer.data(), shared_.read_buffer.size(), 0);
  if (size < 0) {
    if (!IsForLater(errno))
      Lose({ErrorCode::kUnavailable, "the connection broke: " + ReasonOf(errno)});
    return;
  }
  if (size == 0) {
    Lose({ErrorCode::kUnavailable, "the server closed the connection"});
    return;
  }
  read_at_ = shared_.clock.Now();
  const auto scanned =
      scanner_.Consume({shared_.read_buffer.data(), static_cast<std::size_t>(size)});
  if (!scanned) {
    Lose(scanned.error());
  } else if (unasked_) {
    Lose({ErrorCode::kInvalidArgument, "an answer came that nobody had asked for"});
  } else if (closes_) {
    Lose({ErrorCode::kUnavailable, "the server closed the connection"});
  } else {
    shared_.owner.ReadDone(*this, read_at_);
  }
}

void Connection::BodyArrived(const Answer& answer, std::string_view piece) {
  shared_.owner.AnswerBody(*this, answer, piece);
}

void Connection::AnswerEnded(const Answer& answer) {
  if (waiting_count_ == 0 || closes_) {
    unasked_ = true;
    return;
  }
  closes_ = answer.closes;
  const SentRequest request = waiting_[waiting_first_];
  if (++waiting_first_ == waiting_.size()) waiting_first_ = 0;
  --waiting_count_;
  shared_.owner.Answered(*this, answer, request, read_at_);
}

void Connection::Lose(const Error& why) {
  const std::size_t unanswered = waiting_count_;
  Close();
  shared_.owner.Lost(*this, why, unanswered);
}

void Connection::WatchFor(Readiness wanted) {
  if (watched_ == wanted) return;
  watched_ = wanted;
  shared_.loop.ChangeWatch(socket_.get(), wanted, *this);
}

}  // namespace itemgate::load
