#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "redis/call.h"
#include "redis/command_list.h"
#include "redis/node_options.h"
#include "redis/node_state.h"
#include "redis/reply_reader.h"
#include "redis/ring.h"
#include "redis/script.h"

namespace itemgate::redis {

/// The logic of one node's connection: what to send, which call a reply belongs to, what has expired, when to connect
/// again. Bytes and time come in, bytes and wishes go out; it does no I/O.
///
/// The driver opens a transport when one is wanted, closes it when it is not wanted any more or `transport_number` has
/// changed, moves bytes, and calls Tick at `next_tick`. After Send it calls Settle, soon. Callbacks are made from
/// Received, TransportDown, Tick, Settle, Stop and Drop. One thread.
class Connection {
 public:
  /// Options and listener (may be null) must outlive it.
  Connection(const NodeOptions& options, NodeListener* listener);

  // For callers; see Node.
  void Start(Instant now);
  void Stop();
  void Send(const CommandList& commands, const CallOptions& options, Instant now,
            Callback callback);
  void Eval(const Script& script, const ScriptInput& input, const CallOptions& options, Instant now,
            Callback callback);
  /// Gives the connection up, and connects again at once.
  void Drop(const Failure& why, Instant now);
  /// The same, but connects after a pause.
  void Leave(const Failure& why, Instant now);

  /// From now on the connection may subscribe: messages are told, and each call has one command. May be null.
  void TellMessages(MessageReceiver* messages) { messages_ = messages; }

  // For the driver.
  [[nodiscard]] bool wants_transport() const {
    return state_ != NodeState::kStopped && state_ != NodeState::kWaiting;
  }
  /// Another transport, not the last one, is wanted when this changes.
  [[nodiscard]] std::uint64_t transport_number() const { return transport_number_; }
  void TransportUp();
  void TransportDown(const Failure& why, Instant now);
  [[nodiscard]] std::span<char> Space(std::size_t size_min) { return reader_.Space(size_min); }
  void Received(std::size_t size, Instant now);
  [[nodiscard]] std::string_view Output() const;
  void Sent(std::size_t size);
  /// Fails those calls that were refused in Send.
  void Settle();
  [[nodiscard]] bool is_settled() const { return refused_.empty(); }
  void Tick(Instant now);
  /// At the latest; it may come without a need. Instant::max(): never.
  [[nodiscard]] Instant next_tick() const;

  [[nodiscard]] NodeState state() const { return state_; }
  [[nodiscard]] const Failure& last_failure() const { return last_failure_; }
  [[nodiscard]] NodeCounters& counters() { return counters_; }
  [[nodiscard]] std::size_t pending() const { return calls_.size(); }

 private:
  /// A call whose replies are owed. Its bytes stay in output_ until then, for a script may have to be sent again.
  struct Call {
    std::uint64_t begin = 0;  // of its bytes, counted from the connection's first
    std::size_t size = 0;
    std::size_t reply_count = 0;
    Instant deadline{};
    Callback callback;               // empty: nobody is to be told any more, or it is a ping
    const Script* script = nullptr;  // of an Eval
    CallOptions::WhenDown when_down = CallOptions::WhenDown::kFail;
    CallOptions::Late late = CallOptions::Late::kDrop;
    bool timed_out = false;
    bool is_ping = false;
  };
  struct Owed {  // a callback that must be made, and why
    Callback callback;
    Failure failure;
    bool late = false;
    std::optional<std::uint64_t>
        returns_to{};  // the call, by its count, that keeps the callback for a late answer
  };
  struct GreetingStep {
    std::string_view command;
    bool
        may_fail;  // with an error that is no sign of a wrong password or of a server that cannot serve
  };
  enum class Then : std::uint8_t { kWait, kConnect, kStop };

  // connection.cc: life and greeting.
  void BeginConnecting(Instant now);
  void ReadGreeting(Instant now);
  void Lose(const Failure& why, Instant now, Then then);
  [[nodiscard]] std::vector<Owed> GiveCallsUp(Then then);
  /// The message, with the endpoint before it.
  [[nodiscard]] std::string Named(const std::string& message) const;
  void CheckLiveness(Instant now);
  void AppendPing(Instant now);
  [[nodiscard]] Instant LivenessCheckAt() const;
  [[nodiscard]] Duration NextBackOff();
  void ChangeState(NodeState state);

  // connection_calls.cc: calls and their answers.
  [[nodiscard]] std::optional<Failure> Refusal(const CallOptions& options) const;
  void Enqueue(const CommandList& commands, Call call);
  void ReadAnswers(Instant now);
  void LoseForUnasked(Instant now);
  [[nodiscard]] bool TellMessage(const Reply& reply);
  void Complete(Call call, Replies replies);
  void TellListener(Replies replies);
  [[nodiscard]] bool ResendScript(Call& call, Replies replies);
  void ExpireCalls(Instant now);
  void Tell(std::vector<Owed> owed);
  void KeepCalls(const std::vector<bool>& kept, std::uint64_t output_begin);
  void TrimOutput();
  [[nodiscard]] std::uint64_t OutputEnd() const { return output_begin_ + output_.size(); }
  /// Or a part of it was.
  [[nodiscard]] bool WasSent(const Call& call) const { return call.begin < sent_; }
  [[nodiscard]] bool WasWhollySent(const Call& call) const {
    return call.begin + call.size <= sent_;
  }
  [[nodiscard]] std::string_view BytesOf(const Call& call) const;

  const NodeOptions& options_;
  NodeListener* const listener_;
  MessageReceiver* messages_ = nullptr;
  Random random_;
  NodeState state_ = NodeState::kStopped;
  Failure last_failure_{.kind = FailureKind::kStopped, .message = "the node was not started"};
  NodeCounters counters_;
  std::uint64_t transport_number_ = 0;
  int failed_attempts_ = 0;
  Instant wake_at_ = Instant::max();            // connecting: gives up; waiting: connects
  Instant earliest_deadline_ = Instant::max();  // no call's is earlier
  Instant ready_at_{};
  Instant received_at_{};  // the last sign of life
  Instant pinged_at_{};    // of the ping that is not answered
  bool ping_is_out_ = false;
  bool is_up_ = false;  // the transport is, and the greeting may go out
  int timeouts_in_a_row_ = 0;

  std::string greeting_;
  std::size_t greeting_sent_ = 0;
  std::vector<GreetingStep> greeting_steps_;
  std::size_t greeting_step_ = 0;  // the first that is not answered

  // Bytes are counted over all of the output that this object ever makes; the calls' lie one after the other.
  std::string output_;
  std::uint64_t output_begin_ = 0;  // what output_[0] counts as
  std::uint64_t sent_ = 0;          // up to here it went to the transport
  Ring<Call> calls_;
  std::uint64_t first_call_ = 0;     // counts those that left calls_
  std::vector<bool> known_scripts_;  // to the server, by their numbers
  CommandList scratch_;
  ReplyReader reader_;
  std::vector<Owed> refused_;
};

}  // namespace itemgate::redis
