#include "cli/redis_interview.h"

#include <algorithm>
#include <utility>

namespace itemgate::cli {
namespace {

constexpr Duration kPatience = std::chrono::seconds(3);
constexpr Duration kLookAgain = std::chrono::milliseconds(10);

}  // namespace

Result<void> RedisInterview::Begin(const redis::NodeContext& context,
                                   const redis::NodeOptions& options) {
  loop_ = &context.loop;
  auto node = redis::Node::Make(context, options, this);
  if (!node) return std::unexpected(node.error());
  node_ = *std::move(node);
  node_->Start();
  return {};
}

void RedisInterview::End() {
  if (!was_ready_) {
    std::string_view why = node_->last_failure().message;
    const std::string address = node_->endpoint().ToString() + ": ";  // said anyway
    if (why.starts_with(address)) why.remove_prefix(address.size());
    failure_ = why.empty() ? "no answer within 3 s" : why;
  }
  node_->Stop();
}

void RedisInterview::Send(const redis::CommandList& command, Told told) {
  ++open_;
  node_->Send(command, {}, [this, told = std::move(told)](const redis::Answer& answer) {
    --open_;
    told(answer);
  });
}

void RedisInterview::Later(Duration delay, Ask ask) {
  ++open_;
  (void)loop_->PostAfter(delay, [this, ask = std::move(ask)] {
    --open_;
    ask(*this);
  });
}

void RedisInterview::NodeChanged(redis::NodeState state, const redis::Failure* /*why*/) {
  if (state == redis::NodeState::kReady && !std::exchange(was_ready_, true)) ask_(*this);
}

Result<void> RedisInterviews::Add(const redis::NodeOptions& options, std::string& failure,
                                  RedisInterview::Ask ask) {
  interviews_.push_back(std::make_unique<RedisInterview>(failure, std::move(ask)));
  return interviews_.back()->Begin({loop_, clock_, resolver_}, options);
}

void RedisInterviews::Run() {
  loop_.Post([this] { EndWhenDone(clock_.Now() + kPatience); });
  loop_.Run();
}

void RedisInterviews::EndWhenDone(Instant end) {
  const bool all_done =
      std::ranges::all_of(interviews_, [](const auto& interview) { return interview->is_done(); });
  if (!all_done && clock_.Now() < end)
    return (void)loop_.PostAfter(kLookAgain, [this, end] { EndWhenDone(end); });
  for (const auto& interview : interviews_) interview->End();
  loop_.Stop();
}

}  // namespace itemgate::cli
