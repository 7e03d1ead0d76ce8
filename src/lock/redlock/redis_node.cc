#include "lock/redlock/redis_node.h"

#include <utility>

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

/// Of what INFO says.
std::string_view RunIdOf(std::string_view info) {
  constexpr std::string_view kName = "run_id:";
  const auto at = info.find(kName);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = info.substr(at + kName.size());
  return rest.substr(0, rest.find('\r'));
}

}  // namespace

Result<std::unique_ptr<RedisNode>> RedisNode::Make(const redis::NodeContext& context,
                                                   VoteReceiver& receiver, int number,
                                                   redis::NodeOptions options) {
  std::unique_ptr<RedisNode> made(new RedisNode(receiver, number));
  auto node = redis::Node::Make(context, std::move(options), made.get());
  if (!node) return std::unexpected(node.error());
  made->node_ = *std::move(node);
  return made;
}

bool RedisNode::is_connected() const {
  const redis::NodeState state = node_->state();
  return state == redis::NodeState::kReady || state == redis::NodeState::kUnresponsive;
}

bool RedisNode::Send(const Question& question, const redis::CommandList& command) {
  if (!is_connected()) return false;
  using WhenUnresponsive = redis::CallOptions::WhenUnresponsive;
  const bool is_unlock = question.kind == Question::Kind::kUnlock;
  node_->Send(
      command,
      {.when_unresponsive = is_unlock ? WhenUnresponsive::kSendAnyway : WhenUnresponsive::kFail},
      [this, question](const redis::Answer& answer) { Answered(question, answer); });
  return true;
}

void RedisNode::Answered(const Question& question, const redis::Answer& answer) {
  if (!answer.ok())
    return receiver_.OnVote(question, number_,
                            answer.failure->may_have_run ? Vote::kUnknown : Vote::kRefused);
  const redis::Reply& reply = answer.replies[0];
  if (reply.is_error() && reply.error_kind() == redis::FailureKind::kNoScript)
    return receiver_.OnNoScript(question, number_);
  receiver_.OnVote(question, number_, VoteOf(question.kind, reply));
}

void RedisNode::NodeChanged(redis::NodeState state, const redis::Failure* /*why*/) {
  if (state != redis::NodeState::kReady) return;
  redis::CommandList commands;
  for (const Script& script :
       {kUnlockScript, kUnlockAndPublishScript, kExtendScript, kExtendOrSetScript})
    commands.Add("SCRIPT", "LOAD", script.text);
  node_->Send(commands, {},
              [](const redis::Answer&) {});  // where the ACL forbids it, EVAL comes to the rescue
  node_->Send(redis::CommandList("INFO", "server"), {}, [this](const redis::Answer& answer) {
    if (answer.ok() && !answer.replies[0].is_error())
      receiver_.OnIdentity(number_, RunIdOf(answer.replies[0].text()));
  });
}

void RedisNode::ErrorReplied(redis::FailureKind /*kind*/, std::string_view /*text*/) {}

}  // namespace itemgate::redlock
