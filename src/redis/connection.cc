#include "redis/connection.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/duration_text.h"

namespace itemgate::redis {

Connection::Connection(const NodeOptions& options, NodeListener* listener)
    : options_(options),
      listener_(listener),
      random_(options.seed),
      reader_(options.reply_limits) {}

void Connection::Start(Instant now) {
  if (state_ == NodeState::kStopped) BeginConnecting(now);
}

void Connection::Stop() {
  if (state_ != NodeState::kStopped)
    Lose({.kind = FailureKind::kStopped, .message = "the node was stopped"}, {}, Then::kStop);
}

void Connection::Drop(const Failure& why, Instant now) {
  if (state_ != NodeState::kStopped) Lose(why, now, Then::kConnect);
}

void Connection::Leave(const Failure& why, Instant now) {
  if (wants_transport()) Lose(why, now, Then::kWait);
}

void Connection::BeginConnecting(Instant now) {
  wake_at_ = now + options_.connect_timeout;
  ChangeState(NodeState::kConnecting);
}

void Connection::TransportUp() {
  ITEMGATE_CHECK(state_ == NodeState::kConnecting);
  is_up_ = true;
  reader_.Restart();
  const Greeting& wanted = options_.greeting;
  scratch_.Clear();
  greeting_steps_.clear();
  greeting_sent_ = greeting_step_ = 0;
  if (!wanted.user.empty()) {
    scratch_.Add("AUTH", wanted.user, wanted.password);
    greeting_steps_.push_back({.command = "AUTH", .may_fail = false});
  } else if (!wanted.password.empty()) {
    scratch_.Add("AUTH", wanted.password);
    greeting_steps_.push_back({.command = "AUTH", .may_fail = false});
  }
  if (!wanted.client_name.empty()) {
    scratch_.Add("CLIENT", "SETNAME", wanted.client_name);
    greeting_steps_.push_back({.command = "CLIENT SETNAME", .may_fail = true});
  }
  if (wanted.names_library) {
    scratch_.Add("CLIENT", "SETINFO", "LIB-NAME", "itemgate");
    greeting_steps_.push_back({.command = "CLIENT SETINFO", .may_fail = true});
  }
  if (wanted.database) {
    scratch_.Add("SELECT", *wanted.database);
    greeting_steps_.push_back({.command = "SELECT", .may_fail = false});
  }
  scratch_.Add("PING");  // its answer shows that the server serves: no NOAUTH, no LOADING
  greeting_steps_.push_back({.command = "PING", .may_fail = false});
  greeting_ = scratch_.bytes();
}

void Connection::TransportDown(const Failure& why, Instant now) {
  if (!wants_transport()) return;
  Failure told = why;
  if (is_up_ && state_ == NodeState::kConnecting && why.kind == FailureKind::kConnectionLost)
    told.message +=
        " before it answered anything; " + std::string(AdviceFor(FailureKind::kProtocol));
  Lose(told, now, Then::kWait);
}

std::string_view Connection::Output() const {
  if (state_ == NodeState::kReady || state_ == NodeState::kUnresponsive)
    return std::string_view(output_).substr(sent_ - output_begin_);
  if (is_up_) return std::string_view(greeting_).substr(greeting_sent_);
  return {};
}

void Connection::Sent(std::size_t size) {
  if (state_ == NodeState::kConnecting)
    greeting_sent_ += size;
  else
    sent_ += size;
}

void Connection::Received(std::size_t size, Instant now) {
  ITEMGATE_CHECK(is_up_);
  reader_.Add(size);
  received_at_ = now;
  timeouts_in_a_row_ = 0;
  if (state_ == NodeState::kUnresponsive) ChangeState(NodeState::kReady);
  if (state_ == NodeState::kConnecting) ReadGreeting(now);
  if (state_ == NodeState::kReady) ReadAnswers(now);
}

void Connection::ReadGreeting(Instant now) {
  while (greeting_step_ < greeting_steps_.size()) {
    const auto replies = reader_.Next(1);
    if (!replies) {
      Lose({.kind = FailureKind::kProtocol,
            .message =
                replies.error().message + "; " + std::string(AdviceFor(FailureKind::kProtocol))},
           now, Then::kWait);
      return;
    }
    if (!*replies) return;
    const auto& [command, may_fail] = greeting_steps_[greeting_step_++];
    const Reply& reply = (**replies)[0];
    // An ACL may forbid PING, and CLIENT; that it says so shows that the server serves.
    if (!reply.is_error() || may_fail ||
        (command == "PING" && reply.error_kind() == FailureKind::kNoPermission))
      continue;
    Failure why = ServerFailure(reply.text());
    why.message = std::string(command) + ": " + why.message;
    Lose(why, now, Then::kWait);
    return;
  }
  ready_at_ = now;
  wake_at_ = Instant::max();
  ++counters_.connections;
  ChangeState(NodeState::kReady);
}

void Connection::Lose(const Failure& why, Instant now, Then then) {
  const bool was_steady = (state_ == NodeState::kReady || state_ == NodeState::kUnresponsive) &&
                          now - ready_at_ >= options_.back_off_max;
  failed_attempts_ = was_steady ? 0 : failed_attempts_ + 1;
  last_failure_ = why;
  if (then != Then::kStop) last_failure_.message = Named(why.message);
  ++transport_number_;
  is_up_ = false;
  ping_is_out_ = false;
  timeouts_in_a_row_ = 0;
  known_scripts_.clear();
  std::vector<Owed> owed = GiveCallsUp(then);
  switch (then) {
    case Then::kWait:
      wake_at_ = now + NextBackOff();
      ChangeState(NodeState::kWaiting);
      break;
    case Then::kConnect:
      failed_attempts_ = 0;
      BeginConnecting(now);
      break;
    case Then::kStop:
      failed_attempts_ = 0;
      wake_at_ = Instant::max();
      ChangeState(NodeState::kStopped);
  }
  Tell(std::move(owed));
}

/// What was sent may have run; what was not sent may wait for the next connection.
std::vector<Connection::Owed> Connection::GiveCallsUp(Then then) {
  std::vector<Owed> owed;
  std::vector<bool> kept(calls_.size(), false);
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    Call& call = calls_[i];
    const bool was_sent = WasSent(call);
    kept[i] = !was_sent && then != Then::kStop && !call.is_ping &&
              call.when_down == CallOptions::WhenDown::kWait;
    if (kept[i] || !call.callback) continue;
    const FailureKind lost = was_sent ? FailureKind::kConnectionLost : FailureKind::kDisconnected;
    owed.push_back({.callback = std::move(call.callback),
                    .failure = {.kind = then == Then::kStop ? FailureKind::kStopped : lost,
                                .may_have_run = was_sent,
                                .message = last_failure_.message},
                    .late = call.timed_out});
  }
  first_call_ += calls_.size();  // whoever is kept counts anew
  KeepCalls(kept, OutputEnd());
  sent_ = output_begin_;
  return owed;
}

std::string Connection::Named(const std::string& message) const {
  return options_.endpoint.ToString() + ": " + message;
}

Duration Connection::NextBackOff() {
  const int doublings = std::min(failed_attempts_ - 1, 20);
  const Duration longest =
      std::min(options_.back_off_max, options_.back_off_min * (1 << std::max(doublings, 0)));
  const auto half = static_cast<std::uint64_t>(longest.count() / 2);
  return Duration(static_cast<std::int64_t>(half + random_.Below(half + 1)));
}

void Connection::ChangeState(NodeState state) {
  state_ = state;
  if (listener_ != nullptr)
    listener_->NodeChanged(state, state == NodeState::kReady ? nullptr : &last_failure_);
}

void Connection::Tick(Instant now) {
  if (now >= wake_at_) {
    if (state_ == NodeState::kWaiting) {
      BeginConnecting(now);
    } else {
      Failure why{.kind = FailureKind::kUnreachable,
                  .message = "no answer within " + DurationText(options_.connect_timeout) + "; " +
                             std::string(AdviceFor(FailureKind::kUnreachable))};
      if (options_.tls && !is_up_) why.message += ", and whether it speaks TLS on this port";
      Lose(why, now, Then::kWait);
    }
  }
  ExpireCalls(now);
  CheckLiveness(now);
}

Instant Connection::LivenessCheckAt() const {
  if (state_ != NodeState::kReady && state_ != NodeState::kUnresponsive) return Instant::max();
  const Instant sign = std::max(ready_at_, received_at_);
  return ping_is_out_ ? std::max(pinged_at_, sign) + options_.ping_timeout
                      : sign + options_.ping_after;
}

Instant Connection::next_tick() const {
  return std::min({earliest_deadline_, wake_at_, LivenessCheckAt()});
}

void Connection::CheckLiveness(Instant now) {
  if (now < LivenessCheckAt()) return;
  if (!ping_is_out_) {
    AppendPing(now);
    return;
  }
  Lose({.kind = FailureKind::kTimeout,
        .may_have_run = true,
        .message = "no answer to PING within " + DurationText(options_.ping_timeout) + "; " +
                   std::string(AdviceFor(FailureKind::kUnresponsive))},
       now, Then::kWait);
}

void Connection::AppendPing(Instant now) {
  ping_is_out_ = true;
  pinged_at_ = now;
  scratch_.Clear();
  scratch_.Add("PING");
  Enqueue(scratch_, {.reply_count = 1, .deadline = Instant::max(), .is_ping = true});
}

}  // namespace itemgate::redis
