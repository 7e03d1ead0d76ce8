#include "lock/redlock/redis_node.h"

#include <charconv>
#include <utility>
#include <vector>

#include "lock/redlock/scripts.h"

namespace itemgate::redlock {
namespace {

Vote VoteOf(Question::Kind kind, const redis::Reply& reply) {
  using enum redis::Reply::Type;
  if (reply.is_error()) return Vote::kRefused;
  if (kind == Question::Kind::kSet) {
    if (reply.is_nil()) return Vote::kTaken;
    return reply.IsStatus("OK") ? Vote::kGranted : Vote::kRefused;
  }
  if (reply.type() != kInteger) return Vote::kUnknown;
  if (reply.integer() == 1) return Vote::kGranted;
  return reply.integer() < 0 ? Vote::kTaken : Vote::kMissing;
}

/// False: the server is in trouble, and would refuse each key.
bool MayBeOfOneKey(redis::FailureKind kind) {
  using enum redis::FailureKind;
  return kind == kNoPermission || kind == kClusterDown || kind == kOtherError;
}

/// What it says to one of the questions, and what to do; empty if it is no error.
std::string RefusalIn(const redis::Reply& reply) {
  if (reply.is_error()) return redis::ServerFailure(reply.text()).message;
  for (const redis::Reply& element : reply.elements())
    if (element.is_error()) return redis::ServerFailure(element.text()).message;
  return {};
}

/// What INFO says behind that name, which ends with its colon.
std::string_view ValueIn(std::string_view info, std::string_view name) {
  const auto at = info.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = info.substr(at + name.size());
  return rest.substr(0, rest.find('\r'));
}

}  // namespace

Result<std::unique_ptr<RedisNode>> RedisNode::Make(const redis::NodeContext& context,
                                                   VoteReceiver& receiver, int number,
                                                   const redis::ConnectionSettings& settings,
                                                   std::chrono::seconds uptime_min) {
  std::unique_ptr<RedisNode> made(new RedisNode(context.loop, receiver, number, uptime_min));
  auto primary = redis::Primary::Open(context, settings, made.get());
  if (!primary) return std::unexpected(primary.error());
  made->primary_ = *std::move(primary);
  return made;
}

bool RedisNode::Send(std::span<const Question> questions, const redis::CommandList& command) {
  if (!is_connected()) return false;
  using WhenUnresponsive = redis::CallOptions::WhenUnresponsive;
  const bool is_unlock = questions[0].kind == Question::Kind::kUnlock;
  const redis::CallOptions options = {.when_unresponsive = is_unlock ? WhenUnresponsive::kSendAnyway
                                                                     : WhenUnresponsive::kFail};
  if (questions.size() == 1)  // without an allocation
    primary_->node().Send(command, options, [this, question = questions[0]](const auto& answer) {
      Answered({&question, 1}, answer);
    });
  else
    primary_->node().Send(command, options,
                          [this, asked = std::vector(questions.begin(), questions.end())](
                              const auto& answer) { Answered(asked, answer); });
  return true;
}

void RedisNode::Answered(std::span<const Question> questions, const redis::Answer& answer) {
  if (!answer.ok()) {
    refusal_ = answer.failure->message;
    const Vote vote = answer.failure->may_have_run ? Vote::kUnknown : Vote::kRefused;
    for (const Question& question : questions) receiver_.OnVote(question, number_, vote);
    return;
  }
  const redis::Reply& reply = answer.replies[0];
  if (reply.is_error() && reply.error_kind() == redis::FailureKind::kNoScript)
    return receiver_.OnNoScript(questions, number_);
  refusal_ = RefusalIn(reply);
  if (questions.size() == 1)
    return receiver_.OnVote(questions[0], number_, VoteOf(questions[0].kind, reply));
  if (reply.is_error() && MayBeOfOneKey(reply.error_kind()))
    return receiver_.OnBatchRefused(questions, number_);
  const bool is_of_each = reply.elements().size() == questions.size();
  auto element = reply.elements().begin();
  for (const Question& question : questions)
    receiver_.OnVote(question, number_, VoteOf(question.kind, is_of_each ? *element++ : reply));
}

void RedisNode::NodeChanged(redis::NodeState state, const redis::Failure* /*why*/) {
  const bool is_up = state == redis::NodeState::kReady || state == redis::NodeState::kUnresponsive;
  if (!is_up && std::exchange(is_known_, false)) receiver_.OnConnectionChanged(number_);
  if (!is_up) StopAging();
  if (state != redis::NodeState::kReady) return;
  redis::Node& node = primary_->node();
  redis::CommandList commands;
  for (const Script& script : {kUnlockScript, kUnlockAndPublishScript, kUnlockManyScript,
                               kExtendScript, kExtendOrSetScript})
    commands.Add("SCRIPT", "LOAD", script.text);
  node.Send(commands, {},
            [](const redis::Answer&) {});  // where the ACL forbids it, EVAL comes to the rescue
  Identify();
}

void RedisNode::Identify() {
  primary_->node().Send(redis::CommandList("INFO", "server"),
                        {.late = redis::CallOptions::Late::kTell},
                        [this](const redis::Answer& answer) { Identified(answer); });
}

void RedisNode::Identified(const redis::Answer& answer) {
  if (!primary_->is_connected()) return;
  if (!answer.ok()) {
    // What was sent will be answered late, unless the connection ends.
    if (!answer.failure->may_have_run) primary_->node().Leave(*answer.failure);
    return;
  }
  if (!answer.replies[0].is_error())
    receiver_.OnIdentity(number_, ValueIn(answer.replies[0].text(), "run_id:"));
  if (!IsOldEnough(answer.replies[0])) return;
  if (!std::exchange(is_known_, true)) receiver_.OnConnectionChanged(number_);
}

bool RedisNode::IsOldEnough(const redis::Reply& info) {
  if (uptime_min_ == std::chrono::seconds::zero()) return true;
  const std::string_view text =
      info.is_error() ? std::string_view() : ValueIn(info.text(), "uptime_in_seconds:");
  std::int64_t uptime = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), uptime).ec != std::errc()) {
    youth_ = "it does not tell for how long it is up, which uptime_min asks for: allow +info";
    AskAgainIn(uptime_min_);
    return false;
  }
  // It counts the seconds that have begun, so it may be up for one less than it says.
  if (uptime > uptime_min_.count()) return true;
  youth_ = "it was started " + std::to_string(uptime) +
           " s ago, and has no vote until it is up for " + std::to_string(uptime_min_.count()) +
           " s";
  AskAgainIn(uptime_min_ - std::chrono::seconds(uptime - 1));
  return false;
}

void RedisNode::AskAgainIn(Duration time) {
  if (aging_ != TimerId{}) (void)loop_.Cancel(aging_);
  aging_ = loop_.PostAfter(time, [this] {
    aging_ = {};
    if (primary_->is_connected()) Identify();
  });
}

void RedisNode::StopAging() {
  youth_.clear();
  if (aging_ != TimerId{}) (void)loop_.Cancel(std::exchange(aging_, {}));
}

std::string RedisNode::failure() const {
  if (is_connected()) return refusal_;
  if (primary_->is_connected())
    return youth_.empty() ? "it has not said yet which server it is" : youth_;
  const redis::Failure& why = primary_->node().last_failure();
  return why.kind == redis::FailureKind::kStopped ? "no connection yet" : why.message;
}

void RedisNode::ErrorReplied(redis::FailureKind /*kind*/, std::string_view /*text*/) {}

}  // namespace itemgate::redlock
