#include "lock/redlock/release_subscriber.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/tcp.h"
#include "redis/command_list.h"

namespace itemgate::redlock {
namespace {

constexpr Duration kPauseMin = std::chrono::milliseconds(20);
constexpr Duration kPauseMax = std::chrono::seconds(2);
constexpr std::size_t kReceivedBytes = 16 << 10;  // at once

}  // namespace

ReleaseSubscriber::ReleaseSubscriber(EventLoop& loop, VoteReceiver& receiver,
                                     redis::NodeOptions options)
    : loop_(loop),
      receiver_(receiver),
      options_(std::move(options)),
      random_(UnpredictableSeed()),
      reader_(options_.reply_limits) {}

ReleaseSubscriber::~ReleaseSubscriber() {
  (void)loop_.Cancel(timer_);
  if (socket_.is_open()) loop_.Unwatch(socket_.get(), *this);
}

void ReleaseSubscriber::Watch(const std::string& key) {
  watched_.insert(key);
  if (!socket_.is_open() && pause_ == Duration::zero()) return Connect();
  if (!is_greeted_) return;
  out_ += redis::CommandList("SUBSCRIBE", key).bytes();
  WatchWrites(true);
}

void ReleaseSubscriber::Unwatch(const std::string& key) {
  watched_.erase(key);
  if (!is_greeted_) return;
  out_ += redis::CommandList("UNSUBSCRIBE", key).bytes();
  WatchWrites(true);
}

void ReleaseSubscriber::WatchWrites(bool wanted) {
  if (wanted == is_write_watched_) return;
  is_write_watched_ = wanted;
  loop_.ChangeWatch(socket_.get(), wanted ? Readiness::kReadOrWrite : Readiness::kRead, *this);
}

void ReleaseSubscriber::Connect() {
  timer_ = {};
  const auto address =
      ResolveNumeric(options_.endpoint);  // a name would block: then there are no hints
  if (!address) return;
  auto socket = BeginConnectTcp(*address);
  if (!socket) return Disconnect();
  socket_ = *std::move(socket);
  LimitSilence(socket_.get(), std::chrono::seconds(10));
  is_write_watched_ = true;
  if (!loop_.Watch(socket_.get(), Readiness::kReadOrWrite, *this)) socket_.Close();
}

void ReleaseSubscriber::Greet() {
  is_greeted_ = true;
  const redis::Greeting& greeting = options_.greeting;
  if (!greeting.user.empty())
    out_ += redis::CommandList("AUTH", greeting.user, greeting.password).bytes();
  else if (!greeting.password.empty())
    out_ += redis::CommandList("AUTH", greeting.password).bytes();
  if (!greeting.client_name.empty())
    out_ += redis::CommandList("CLIENT", std::string_view("SETNAME"), greeting.client_name).bytes();
  for (const std::string& key : watched_) out_ += redis::CommandList("SUBSCRIBE", key).bytes();
}

void ReleaseSubscriber::Ready(Readiness readiness) {
  if (!is_greeted_) {
    if (!FinishConnectTcp(socket_.get())) return Disconnect();
    Greet();
  }
  if (Includes(readiness, Readiness::kRead) && !Receive()) return Disconnect();
  if (!Write()) Disconnect();
}

bool ReleaseSubscriber::Write() {
  while (!out_.empty()) {
    const auto sent = send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return false;
    out_.erase(0, static_cast<std::size_t>(sent));
  }
  WatchWrites(!out_.empty());
  return true;
}

bool ReleaseSubscriber::Receive() {
  const std::span<char> space = reader_.Space(kReceivedBytes);
  const auto received = recv(socket_.get(), space.data(), space.size(), 0);
  if (received < 0) return errno == EAGAIN;
  if (received == 0) return false;
  reader_.Add(static_cast<std::size_t>(received));
  while (reader_.has_bytes()) {
    const auto replies = reader_.Next(1);
    if (!replies) return false;
    if (!*replies) return true;
    const redis::Replies elements = (**replies)[0].elements();
    if (elements.size() != 3) continue;  // the answers to the greeting
    pause_ = {};
    if (elements[0].text() == "unsubscribe") continue;
    const std::string key(
        elements[1].text());  // subscribed: may have been released just before; or released
    receiver_.OnReleased(key);
  }
  return true;
}

void ReleaseSubscriber::Disconnect() {
  if (socket_.is_open()) loop_.Unwatch(socket_.get(), *this);
  socket_.Close();
  is_greeted_ = false;
  out_.clear();
  reader_.Restart();
  pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  const Duration half = pause_ / 2;
  timer_ = loop_.PostAfter(half + Duration(random_.Below(static_cast<std::uint64_t>(half.count()))),
                           [this] { Connect(); });
}

}  // namespace itemgate::redlock
