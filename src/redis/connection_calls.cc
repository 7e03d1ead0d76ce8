#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/duration_text.h"
#include "redis/connection.h"

namespace itemgate::redis {
namespace {

constexpr std::size_t kAnsweredBytesKept = 64 << 10;
constexpr std::size_t kOutputBytesKept = 1 << 20;

/// What stands between the number of arguments and the number of keys of an EVALSHA, but for the digits.
constexpr std::string_view kEvalShaHead = "$7\r\nEVALSHA\r\n$40\r\n";
constexpr std::size_t kSha1Bytes = 40 + 2;  // with CR LF

/// True if the error speaks of the node, not of the command.
bool SpeaksOfTheNode(FailureKind kind) {
  return kind != FailureKind::kOtherError && kind != FailureKind::kNoScript;
}

}  // namespace

void Connection::Send(const CommandList& commands, const CallOptions& options, Instant now,
                      Callback callback) {
  ITEMGATE_CHECK(!commands.empty());
  ITEMGATE_CHECK(messages_ == nullptr || commands.size() == 1);  // a message may come in between
  if (auto refusal = Refusal(options)) {
    ++counters_.refused;
    refused_.push_back({.callback = std::move(callback), .failure = *std::move(refusal)});
    return;
  }
  const Duration timeout =
      options.timeout > Duration::zero() ? options.timeout : options_.call_timeout;
  Enqueue(commands, {.reply_count = commands.size(),
                     .deadline = now + timeout,
                     .callback = std::move(callback),
                     .when_down = options.when_down,
                     .late = options.late});
  ++counters_.calls;
}

void Connection::Eval(const Script& script, const ScriptInput& input, const CallOptions& options,
                      Instant now, Callback callback) {
  if (known_scripts_.size() <= script.number()) known_scripts_.resize(script.number() + 1);
  const bool is_known = known_scripts_[script.number()];
  scratch_.Clear();
  scratch_.Begin(3 + input.keys.size() + input.arguments.size());
  scratch_.Append(std::string_view(is_known ? "EVALSHA" : "EVAL"));
  scratch_.Append(is_known ? script.sha1() : script.text());
  scratch_.Append(input.keys.size());
  for (const std::string_view key : input.keys) scratch_.Append(key);
  for (const std::string_view argument : input.arguments) scratch_.Append(argument);
  const std::size_t accepted = calls_.size();
  Send(scratch_, options, now, std::move(callback));
  if (calls_.size() == accepted) return;
  // Replies come in order: the server knows it before it reads the next command.
  known_scripts_[script.number()] = true;
  if (is_known) calls_[calls_.size() - 1].script = &script;
}

std::optional<Failure> Connection::Refusal(const CallOptions& options) const {
  const auto refusal = [](FailureKind kind, std::string message) {
    return Failure{.kind = kind, .may_have_run = false, .message = std::move(message)};
  };
  if (calls_.size() >= options_.calls_max || output_.size() >= options_.output_bytes_max)
    return refusal(FailureKind::kQueueFull, std::to_string(calls_.size()) + " calls of " +
                                                std::to_string(output_.size()) +
                                                " bytes wait for the node already");
  switch (state_) {
    case NodeState::kReady:
      return std::nullopt;
    case NodeState::kStopped:
      return refusal(FailureKind::kStopped, last_failure_.message);
    case NodeState::kUnresponsive:
      if (options.when_unresponsive == CallOptions::WhenUnresponsive::kSendAnyway)
        return std::nullopt;
      return refusal(FailureKind::kUnresponsive, last_failure_.message);
    case NodeState::kConnecting:
    case NodeState::kWaiting:
      break;
  }
  if (options.when_down == CallOptions::WhenDown::kWait) return std::nullopt;
  return refusal(FailureKind::kDisconnected, "not connected: " + last_failure_.message);
}

void Connection::Enqueue(const CommandList& commands, Call call) {
  call.begin = OutputEnd();
  call.size = commands.bytes().size();
  output_.append(commands.bytes());
  earliest_deadline_ = std::min(earliest_deadline_, call.deadline);
  calls_.PushBack(std::move(call));
}

void Connection::Settle() {
  if (!refused_.empty()) Tell(std::exchange(refused_, {}));
}

void Connection::ReadAnswers(Instant now) {
  const std::uint64_t number = transport_number_;  // changes if a callback drops the connection
  while (transport_number_ == number) {
    const bool is_owed = !calls_.empty() && WasSent(calls_[0]);
    if (!is_owed && messages_ == nullptr) {
      if (reader_.has_bytes()) LoseForUnasked(now);
      break;
    }
    const auto replies = reader_.Next(is_owed ? calls_[0].reply_count : 1);
    if (!replies) {
      Lose({.kind = FailureKind::kProtocol,
            .may_have_run = true,
            .message = replies.error().message},
           now, Then::kWait);
      break;
    }
    if (!*replies) break;
    if (messages_ != nullptr && TellMessage((**replies)[0])) continue;
    // Of several commands the first may be answered before the last is sent, but not all of them.
    if (!is_owed || !WasWhollySent(calls_[0])) {
      LoseForUnasked(now);
      break;
    }
    Call call = calls_.PopFront();
    ++first_call_;
    Complete(std::move(call), **replies);
  }
  if (transport_number_ == number) TrimOutput();
}

void Connection::LoseForUnasked(Instant now) {
  Lose({.kind = FailureKind::kProtocol, .message = "a reply came that nobody had asked for"}, now,
       Then::kWait);
}

bool Connection::TellMessage(const Reply& reply) {
  const Replies parts = reply.elements();
  if (parts.size() != 3 || parts[0].text() != "message") return false;
  messages_->MessageCame(parts[1].text(), parts[2].text());
  return true;
}

void Connection::Complete(Call call, Replies replies) {
  counters_.replies += replies.size();
  if (call.is_ping) {
    ping_is_out_ = false;
    return;
  }
  if (call.script != nullptr && ResendScript(call, replies)) return;
  if (call.timed_out) ++counters_.late_answers;
  if (listener_ != nullptr) TellListener(replies);
  if (call.callback) call.callback({.replies = replies, .late = call.timed_out});
}

void Connection::TellListener(Replies replies) {
  for (const Reply& reply : replies) {
    if (reply.is_array())
      TellListener(reply.elements());  // what a script met with some of its keys
    if (!reply.is_error()) continue;
    const FailureKind kind = reply.error_kind();
    if (SpeaksOfTheNode(kind)) listener_->ErrorReplied(kind, reply.text());
  }
}

bool Connection::ResendScript(Call& call, Replies replies) {
  const Reply& reply = replies[0];
  if (call.timed_out || !reply.is_error() || reply.error_kind() != FailureKind::kNoScript)
    return false;
  const std::string_view bytes = BytesOf(call);
  const std::size_t count_bytes = bytes.find('\n') + 1;
  const std::string_view script = std::exchange(call.script, nullptr)->text();
  std::string eval(bytes.substr(0, count_bytes));
  eval.append("$4\r\nEVAL\r\n$").append(std::to_string(script.size())).append("\r\n");
  eval.append(script).append("\r\n");
  eval.append(bytes.substr(count_bytes + kEvalShaHead.size() + kSha1Bytes));
  call.begin = OutputEnd();
  call.size = eval.size();
  output_.append(eval);
  calls_.PushBack(std::move(call));
  ++counters_.scripts_resent;
  return true;
}

void Connection::ExpireCalls(Instant now) {
  if (now < earliest_deadline_) return;
  earliest_deadline_ = Instant::max();
  const bool is_connected = state_ == NodeState::kReady || state_ == NodeState::kUnresponsive;
  std::vector<Owed> owed;
  std::vector<bool> kept(calls_.size(), true);
  bool keeps_all = true;
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    Call& call = calls_[i];
    if (call.timed_out) continue;
    if (call.deadline > now) {
      earliest_deadline_ = std::min(earliest_deadline_, call.deadline);
      continue;
    }
    ++counters_.timeouts;
    if (!WasSent(call)) {
      keeps_all = kept[i] = false;
      owed.push_back(
          {.callback = std::move(call.callback),
           .failure = {.kind = is_connected ? FailureKind::kTimeout : FailureKind::kDisconnected,
                       .message = is_connected
                                      ? Named("the deadline passed before it could be sent")
                                      : "not connected: " + last_failure_.message}});
      continue;
    }
    call.timed_out = true;
    ++timeouts_in_a_row_;
    owed.push_back({.callback = std::move(call.callback),
                    .failure = {.kind = FailureKind::kTimeout,
                                .may_have_run = true,
                                .message = Named("no answer before the deadline")}});
    if (call.late == CallOptions::Late::kTell) owed.back().returns_to = first_call_ + i;
  }
  if (!keeps_all) KeepCalls(kept, calls_[0].begin);
  if (state_ == NodeState::kReady && timeouts_in_a_row_ >= options_.timeouts_to_open) {
    if (!ping_is_out_) AppendPing(now);
    last_failure_ = {.kind = FailureKind::kUnresponsive,
                     .message = Named("the last " + std::to_string(timeouts_in_a_row_) +
                                      " calls were not answered in time; " +
                                      std::string(AdviceFor(FailureKind::kUnresponsive)))};
    ChangeState(NodeState::kUnresponsive);
  }
  Tell(std::move(owed));
}

void Connection::Tell(std::vector<Owed> owed) {
  for (auto& [callback, failure, late, returns_to] : owed) {
    if (!callback) continue;
    callback({.failure = &failure, .late = late});
    if (!returns_to) continue;
    if (*returns_to >= first_call_ && *returns_to - first_call_ < calls_.size()) {
      calls_[*returns_to - first_call_].callback = std::move(callback);
    } else {  // it gave the connection up
      const Failure lost{.kind = FailureKind::kConnectionLost,
                         .may_have_run = true,
                         .message = last_failure_.message};
      callback({.failure = &lost, .late = true});
    }
  }
}

/// Drops the other calls, which were not sent or never will be, and moves the kept ones together. Those that were sent
/// keep their place, if `output_begin` is that of the first call.
void Connection::KeepCalls(const std::vector<bool>& kept, std::uint64_t output_begin) {
  std::string output;
  Ring<Call> calls;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    Call call = calls_.PopFront();
    if (!kept[i]) continue;
    output.append(BytesOf(call));
    call.begin = output_begin + output.size() - call.size;
    calls.PushBack(std::move(call));
  }
  output_ = std::move(output);
  output_begin_ = output_begin;
  calls_ = std::move(calls);
}

std::string_view Connection::BytesOf(const Call& call) const {
  return std::string_view(output_).substr(call.begin - output_begin_, call.size);
}

void Connection::TrimOutput() {
  if (calls_.empty()) {
    output_begin_ = OutputEnd();
    if (output_.capacity() > kOutputBytesKept)
      output_ = {};
    else
      output_.clear();
    return;
  }
  const std::size_t answered = calls_[0].begin - output_begin_;
  if (answered < kAnsweredBytesKept || answered < output_.size() / 2) return;
  output_.erase(0, answered);
  output_begin_ += answered;
}

}  // namespace itemgate::redis
