#include "postgres/pool.h"

#include <algorithm>
#include <utility>

namespace itemgate::postgres {
namespace {

constexpr Duration kTickInterval = std::chrono::milliseconds(20);

ConnectionOptions Working(ConnectionOptions options) {
  options.channels.clear();
  return options;
}

/// What is seldom run is not prepared.
ConnectionOptions Unprepared(ConnectionOptions options) {
  options.prepared.clear();
  return options;
}

void Refuse(Command& command, Error error) {
  command.done(std::unexpected(Failure{.error = std::move(error), .fate = Fate::kNotSent}));
}

}  // namespace

Pool::Pool(EventLoop& loop, PoolOptions options)
    : loop_(loop),
      options_(std::move(options)),
      listening_options_(Unprepared(options_.connection)),
      working_options_(Working(options_.connection)),
      urgent_options_(Unprepared(working_options_)),
      breaker_(options_.breaker, options_.seed),
      growing_breaker_(options_.breaker, options_.seed + 2),
      listening_breaker_(options_.breaker, options_.seed + 1) {}

Pool::~Pool() {
  Close();
  loop_.Cancel(tick_);
}

void Pool::Start() { Tick(); }

void Pool::Close() {
  closed_ = true;
  listening_.reset();
  urgent_.reset();
  connections_.clear();
  for (std::deque<Command>* waiting : {&urgent_waiting_, &waiting_}) {
    for (Command& command : std::exchange(*waiting, {}))
      Refuse(command, Error(ErrorCode::kUnavailable, "the database is being closed"));
  }
}

void Pool::Run(Command command) {
  if (closed_)
    return Refuse(command, Error(ErrorCode::kUnavailable, "the database is being closed"));
  std::deque<Command>& waiting = command.is_urgent ? urgent_waiting_ : waiting_;
  if (waiting.size() >= options_.queued_max)
    return Refuse(command,
                  Error(ErrorCode::kUnavailable, "too many commands wait for the database"));
  if (breaker_.is_open() && command.if_unreachable == IfUnreachable::kFail)
    return Refuse(command, last_error_);
  waiting.push_back(std::move(command));
  Dispatch();
}

void Pool::Dispatch() {
  // A command that fails while it is sent brings us back here; the loop below goes on anyway.
  if (std::exchange(dispatching_, true)) return;
  SendUrgent();
  while (!closed_ && NextToSend() != waiting_.end()) {
    Connection* const connection = LeastLoaded();
    if (connection == nullptr || connection->in_flight() > 0) OpenOneMore();
    if (connection == nullptr || connection->in_flight() >= options_.pipelined_max) break;
    const auto next = NextToSend();
    Command command = std::move(*next);
    waiting_.erase(next);
    connection->Send(std::move(command));
  }
  dispatching_ = false;
}

void Pool::SendUrgent() {
  while (!closed_ && !urgent_waiting_.empty()) {
    if (!urgent_) urgent_ = Open(urgent_options_);
    if (!urgent_ || !urgent_->is_ready() || urgent_->in_flight() >= options_.pipelined_max) return;
    Command command = std::move(urgent_waiting_.front());
    urgent_waiting_.pop_front();
    urgent_->Send(std::move(command));
  }
}

std::deque<Command>::iterator Pool::NextToSend() {
  const auto longs =
      std::ranges::count_if(connections_, [](const auto& one) { return one->has_long(); });
  const std::size_t longs_max = std::max<std::size_t>(options_.connections_max, 2) - 1;
  const bool may_send_long = static_cast<std::size_t>(longs) < longs_max;
  return std::ranges::find_if(
      waiting_, [may_send_long](const Command& one) { return may_send_long || !one.is_long; });
}

Connection* Pool::LeastLoaded() {
  Connection* least = nullptr;
  for (const auto& connection : connections_) {
    if (connection->is_ready() && !connection->has_long() &&
        (least == nullptr || connection->in_flight() < least->in_flight()))
      least = connection.get();
  }
  return least;
}

bool Pool::is_connecting() const {
  const auto connects = [](const auto& one) {
    return one && !one->is_ready() && !one->has_failed();
  };
  return connects(urgent_) || std::ranges::any_of(connections_, connects);
}

bool Pool::has_ready() const {
  return std::ranges::any_of(connections_, [](const auto& one) { return one->is_ready(); });
}

void Pool::OpenOneMore() {
  if (connections_.size() >= options_.connections_max) return;
  if (auto connection = Open(working_options_)) connections_.push_back(std::move(connection));
}

std::unique_ptr<Connection> Pool::Open(const ConnectionOptions& options) {
  const Instant now = loop_.RoundTime();
  const Breaker& breaker = has_ready() ? growing_breaker_ : breaker_;
  if (is_connecting() || !breaker.MayTry(now)) return nullptr;
  auto connection =
      std::make_unique<Connection>(loop_, options, static_cast<Connection::Host&>(*this));
  connection->Start(now, first_host_);
  return connection;
}

void Pool::Listen() {
  if (listening_options_.channels.empty() || listening_) return;
  const Instant now = loop_.RoundTime();
  if (!listening_breaker_.MayTry(now)) return;
  listening_ = std::make_unique<Connection>(loop_, listening_options_,
                                            static_cast<Connection::Host&>(*this));
  listening_->Start(now, first_host_);
}

void Pool::ConnectionReady(Connection& connection) {
  if (&connection == listening_.get()) {
    listening_breaker_.Succeeded();
    return options_.on_notified({}, {});
  }
  breaker_.Succeeded();
  growing_breaker_.Succeeded();
  reachable_.store(true, std::memory_order_relaxed);
  Dispatch();
}

void Pool::ConnectionFailed(Connection& connection, const Error& error) {
  const Instant now = loop_.RoundTime();
  if (&connection == listening_.get()) return listening_breaker_.Failed(now);
  last_error_ = error;
  if (connection.met_silence()) ++first_host_;
  // Many are lost together when a server restarts; only attempts to come back count.
  (has_ready() ? growing_breaker_ : breaker_).Failed(now);
  reachable_.store(!breaker_.is_open(), std::memory_order_relaxed);
}

void Pool::Notified(std::string_view channel, std::string_view payload) {
  if (options_.on_notified) options_.on_notified(channel, payload);
}

void Pool::TickLater() {
  tick_ = loop_.PostAfter(kTickInterval, [this] { Tick(); });
}

void Pool::Tick() {
  TickLater();
  if (closed_) return;
  const Instant now = loop_.RoundTime();
  for (std::size_t i = 0; i < connections_.size(); ++i) connections_[i]->Tick(now);
  if (listening_) listening_->Tick(now);
  if (urgent_) urgent_->Tick(now);
  RemoveFailed();
  RefuseWaiting(urgent_waiting_, now);
  RefuseWaiting(waiting_, now);
  if (connections_.empty()) OpenOneMore();
  Listen();
  Dispatch();
}

void Pool::RemoveFailed() {
  std::erase_if(connections_, [](const auto& connection) { return connection->has_failed(); });
  if (listening_ && listening_->has_failed()) listening_.reset();
  if (urgent_ && urgent_->has_failed()) urgent_.reset();
}

void Pool::RefuseWaiting(std::deque<Command>& waiting, Instant now) {
  std::deque<Command> kept;
  for (Command& command : std::exchange(waiting, {})) {
    const bool hopeless = breaker_.is_open() && command.if_unreachable == IfUnreachable::kFail;
    if (hopeless || now >= command.deadline)
      Refuse(command, last_error_);
    else
      kept.push_back(std::move(command));
  }
  for (Command& command : waiting) kept.push_back(std::move(command));
  waiting = std::move(kept);
}

}  // namespace itemgate::postgres
