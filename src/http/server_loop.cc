#include "http/server_loop.h"

#include <sys/prctl.h>

#include <chrono>
#include <utility>

#include "base/check.h"

namespace itemgate::http {
namespace {

constexpr Duration kTickInterval = std::chrono::milliseconds(250);

}  // namespace

/// A listening socket. When the process is out of descriptors it is not watched until the next tick, since it would be
/// ready all the time.
class ServerLoop::Listener final : public ReadinessHandler {
 public:
  Listener(ServerLoop& loop, Descriptor socket) : loop_(loop), socket_(std::move(socket)) {}

  void Ready(Readiness) override { loop_.Accept(*this); }

  [[nodiscard]] Result<void> Watch() {
    if (is_watched_) return {};
    auto watched = loop_.events_.Watch(socket_.get(), Readiness::kRead, *this);
    is_watched_ = watched.has_value();
    return watched;
  }

  void Unwatch() {
    if (is_watched_) loop_.events_.Unwatch(socket_.get(), *this);
    is_watched_ = false;
  }

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  ServerLoop& loop_;
  Descriptor socket_;
  bool is_watched_ = false;
};

ServerLoop::ServerLoop(const Surroundings& surroundings)
    : clock_(surroundings.clock),
      census_(surroundings.census),
      events_(surroundings.clock),
      context_{.application = surroundings.application,
               .limits = surroundings.limits,
               .loop = events_,
               .answers = std::make_shared<AnswerMailbox>(
                   events_, static_cast<AnswerMailbox::Receiver&>(*this)),
               .counters = counters_} {}

ServerLoop::~ServerLoop() { Stop(); }

Result<void> ServerLoop::AddListener(Descriptor socket) {
  listeners_.push_back(std::make_unique<Listener>(*this, std::move(socket)));
  return listeners_.back()->Watch();
}

void ServerLoop::Start(std::string thread_name) {
  context_.now = clock_.Now();
  context_.date.Update(clock_.WallNow());
  TickLater();
  thread_ = std::thread([this, name = std::move(thread_name)] {
    ::prctl(PR_SET_NAME, name.c_str());
    events_.Run();
  });
}

void ServerLoop::Drain() {
  events_.Post([this] {
    for (const auto& listener : listeners_) listener->Unwatch();
    listeners_.clear();
    BeginRound();
    for (std::size_t i = sessions_.size(); i-- > 0;) sessions_[i]->Drain();
    census_.LoopClosed();
  });
}

void ServerLoop::Stop() {
  if (!thread_.joinable()) return;
  events_.Post([this] { CloseAll(); });
  events_.Stop();
  thread_.join();
}

void ServerLoop::CloseAll() {
  context_.answers->Close();
  for (const auto& listener : listeners_) listener->Unwatch();
  listeners_.clear();
  while (!sessions_.empty()) Remove(*sessions_.back());
}

void ServerLoop::Accept(Listener& listener) {
  BeginRound();
  for (;;) {
    auto accepted = AcceptTcp(listener.fd());
    if (!accepted) {
      if (accepted.error().code != ErrorCode::kUnavailable) listener.Unwatch();
      return;
    }
    counters_.connections_accepted.Add(1);
    std::string address = accepted->peer.HostText();
    if (!census_.Admit(address)) {
      counters_.connections_refused.Add(1);
      counters_.connections_closed.Add(1);
      continue;
    }
    sessions_.push_back(
        std::make_unique<ServerSession>(*this, std::move(accepted->socket), std::move(address)));
    ServerSession& session = *sessions_.back();
    session.index_ = sessions_.size() - 1;
    if (!session.Begin()) {
      census_.Leave(session.address());
      counters_.connections_closed.Add(1);
      sessions_.pop_back();
    }
  }
}

void ServerLoop::Remove(ServerSession& session) {
  session.End();
  if (session.is_touched_) std::erase(touched_, &session);
  counters_.connections_closed.Add(1);
  census_.Leave(session.address());
  const std::size_t index = session.index_;
  std::swap(sessions_[index], sessions_.back());
  sessions_[index]->index_ = index;
  sessions_.pop_back();
}

void ServerLoop::Touched(ServerSession& session) {
  if (session.is_touched_) return;
  session.is_touched_ = true;
  touched_.push_back(&session);
  if (touched_.size() > 1 || is_delivering_) return;  // a task is on its way, or not needed
  events_.Post([this] { SettleTouched(); });
}

void ServerLoop::SettleTouched() {
  BeginRound();
  std::vector<ServerSession*> touched;
  touched.swap(touched_);
  for (ServerSession* const session : touched) session->is_touched_ = false;
  for (ServerSession* const session : touched) session->Settle();
}

void ServerLoop::Deliver(std::vector<AnswerMailbox::Answer> answers) {
  BeginRound();
  is_delivering_ = true;
  for (AnswerMailbox::Answer& answer : answers) {
    if (const auto connection = answer.connection.lock()) {
      connection->AnswerDeferred(answer.sequence, std::move(answer.response));
    }
  }
  is_delivering_ = false;
  SettleTouched();
}

void ServerLoop::TickLater() {
  events_.PostAfter(kTickInterval, [this] { Tick(); });
}

void ServerLoop::Tick() {
  BeginRound();
  context_.date.Update(clock_.WallNow());
  for (const auto& listener : listeners_) {
    if (const auto watched = listener->Watch(); !watched) break;  // the next tick tries again
  }
  for (std::size_t i = sessions_.size(); i-- > 0;) sessions_[i]->Tick();
  TickLater();
}

}  // namespace itemgate::http
