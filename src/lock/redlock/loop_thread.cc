#include "lock/redlock/loop_thread.h"

#include <memory>
#include <utility>

#include "base/check.h"
#include "lock/redlock/redis_node.h"
#include "lock/redlock/release_hints.h"

namespace itemgate::redlock {

Result<std::shared_ptr<LoopThread>> LoopThread::Make(
    EngineOptions options, const std::vector<redis::ConnectionSettings>& nodes,
    std::chrono::seconds uptime_min) {
  std::shared_ptr<LoopThread> made(new LoopThread(std::move(options)));
  if (auto begun = made->Begin(nodes, uptime_min); !begun) return std::unexpected(begun.error());
  return made;
}

LoopThread::LoopThread(EngineOptions options)
    : loop_(clock_), engine_(loop_, clock_, std::move(options)) {}

Result<void> LoopThread::Begin(const std::vector<redis::ConnectionSettings>& nodes,
                               std::chrono::seconds uptime_min) {
  const redis::NodeContext context{.loop = loop_, .clock = clock_, .resolver = resolver_};
  std::vector<std::unique_ptr<LockNode>> made;
  std::vector<RedisNode*> to_start;
  for (const redis::ConnectionSettings& settings : nodes) {
    auto node =
        RedisNode::Make(context, engine_, static_cast<int>(made.size()), settings, uptime_min);
    if (!node) return std::unexpected(node.error());
    to_start.push_back(node->get());
    made.push_back(*std::move(node));
  }
  const auto listen = [this, context, nodes,
                       to_start](int number) -> std::unique_ptr<ReleaseListener> {
    const auto index = static_cast<std::size_t>(number);
    auto made_listener = ReleaseHints::Make(
        context, nodes[index].node, [node = to_start[index]] { return node->endpoint(); }, engine_);
    if (!made_listener) return nullptr;  // then those who wait look by themselves
    return *std::move(made_listener);
  };
  engine_.SetNodes(std::move(made), listen);
  loop_.Post([to_start] {
    for (RedisNode* node : to_start) node->Start();
  });
  {
    const MutexLock lock(mu_);
    is_closed_ = false;
  }
  thread_ = std::thread([this] {
    loop_.Run();
    engine_.FinishAnswers();
  });
  return {};
}

LoopThread::~LoopThread() { ITEMGATE_CHECK(!thread_.joinable()); }

bool LoopThread::Post(std::move_only_function<void()> task) {
  const MutexLock lock(mu_);
  if (is_closed_) return false;
  loop_.Post(std::move(task));  // never runs it here
  return true;
}

void LoopThread::Close(Duration wait) {
  ITEMGATE_CHECK(!OnThread());
  if (!Post([this, wait] { engine_.Close(wait, [this] { Stop(); }); })) return;
  thread_.join();
}

void LoopThread::Stop() {
  const MutexLock lock(mu_);
  is_closed_ = true;
  loop_.Stop();
}

}  // namespace itemgate::redlock
