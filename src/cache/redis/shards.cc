#include "cache/redis/shards.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/random.h"
#include "cache/redis/patience.h"
#include "redis/cluster.h"
#include "redis/primary.h"

namespace itemgate::seen {
namespace {

constexpr int kTimeoutsToOpen = Patience::kLateMax;
constexpr Duration kPingTimeout = std::chrono::seconds(1);
constexpr std::size_t kOutputBytesMax = 8 << 20;  // beyond it a server is behind: it learns no more

/// Empty: there is none.
std::string_view ValueIn(const redis::Reply& reply) {
  return reply.type() == redis::Reply::Type::kString ? reply.text() : std::string_view();
}

/// One server, or whichever is the primary of a group.
class NodeShard final : public Shard, private redis::NodeListener {
 public:
  NodeShard(const Clock& clock, ShardOptions options, FillLosses& losses)
      : clock_(clock), options_(std::move(options)), losses_(losses) {}

  [[nodiscard]] Result<void> Open(const redis::NodeContext& context,
                                  const redis::ConnectionSettings& settings) {
    auto primary = redis::Primary::Open(context, settings, this);
    if (!primary) return std::unexpected(primary.error());
    primary_ = *std::move(primary);
    return {};
  }

  void Start() override { primary_->Start(); }
  void Stop() override { primary_->Stop(); }
  [[nodiscard]] bool is_ready() const override {
    return primary_->node().state() == redis::NodeState::kReady;
  }

  void Look(std::span<const Name> names, std::shared_ptr<LookAnswers> answers) override {
    const Instant now = clock_.Now();
    const std::size_t count = names.size();
    if (!patience_.MayAsk(now)) return answers->Failed(0, count);
    commands_.Clear();
    commands_.Begin(1 + count);
    commands_.Append(std::string_view("MGET"));
    for (const Name& name : names) commands_.Append(name.view());
    node().Send(commands_, {.timeout = options_.deadline},
                [this, now, count, told = std::move(answers)](const redis::Answer& answer) {
                  Heed(answer, now);
                  Tell(answer, count, *told);
                });
  }

  void Fill(std::span<const Entry> entries) override {
    const Instant now = clock_.Now();
    const std::size_t count = entries.size();
    if (!patience_.MayAsk(now)) return losses_.Lost(count);
    commands_.Clear();
    commands_.Begin(1 + 2 * count);
    commands_.Append(std::string_view("MSET"));
    for (const Entry& entry : entries) {
      commands_.Append(entry.name.view());
      commands_.Append(entry.value.view());
    }
    node().Send(commands_, {.timeout = options_.deadline},
                [this, now, count](const redis::Answer& answer) {
                  Heed(answer, now);
                  if (!answer.ok() || answer.replies[0].is_error()) losses_.Lost(count);
                });
  }

 private:
  [[nodiscard]] redis::Node& node() { return primary_->node(); }

  void Heed(const redis::Answer& answer, Instant asked) {
    if (answer.ok())
      patience_.InTime();
    else if (answer.failure->kind == redis::FailureKind::kTimeout)
      patience_.Late(asked, clock_.Now());
  }

  void Tell(const redis::Answer& answer, std::size_t count, LookAnswers& answers) {
    if (!answer.ok()) {
      if (answer.failure->kind == redis::FailureKind::kTimeout) return answers.TimedOut(0, count);
      return answers.Failed(0, count);
    }
    const redis::Replies elements = answer.replies[0].elements();
    if (elements.size() != count) return answers.Failed(0, count);  // an error
    values_.clear();
    for (const redis::Reply& element : elements) values_.push_back(ValueIn(element));
    answers.Came(0, values_);
  }

  void NodeChanged(redis::NodeState /*state*/, const redis::Failure* /*why*/) override {
    options_.on_change();
  }
  void ErrorReplied(redis::FailureKind /*kind*/, std::string_view /*text*/) override {}

  const Clock& clock_;
  const ShardOptions options_;
  FillLosses& losses_;
  Patience patience_;
  redis::CommandList commands_;  // kept for their memory, as the next one
  std::vector<std::string_view> values_;
  std::unique_ptr<redis::Primary> primary_;
};

/// A Redis Cluster: a command for each name, since each lies in a slot of its own.
class ClusterShard final : public Shard {
 public:
  ClusterShard(std::unique_ptr<redis::Cluster> cluster, ShardOptions options, FillLosses& losses)
      : options_(std::move(options)), losses_(losses), cluster_(std::move(cluster)) {}

  void Start() override { cluster_->Start(); }
  void Stop() override { cluster_->Stop(); }
  [[nodiscard]] bool is_ready() const override { return cluster_->is_complete(); }

  void Look(std::span<const Name> names, std::shared_ptr<LookAnswers> answers) override {
    for (std::size_t i = 0; i < names.size(); ++i) {
      commands_.Clear();
      commands_.Add("GET", names[i].view());
      cluster_->Send(names[i].view(), commands_, {.timeout = options_.deadline},
                     [i, answers](const redis::Answer& answer) {
                       if (!answer.ok() && answer.failure->kind == redis::FailureKind::kTimeout)
                         return answers->TimedOut(i, 1);
                       if (!answer.ok() || answer.replies[0].is_error())
                         return answers->Failed(i, 1);
                       const std::string_view value = ValueIn(answer.replies[0]);
                       answers->Came(i, std::span(&value, 1));
                     });
    }
  }

  void Fill(std::span<const Entry> entries) override {
    for (const Entry& entry : entries) {
      commands_.Clear();
      commands_.Add("SET", entry.name.view(), entry.value.view());
      cluster_->Send(entry.name.view(), commands_, {.timeout = options_.deadline},
                     [this](const redis::Answer& answer) {
                       if (!answer.ok() || answer.replies[0].is_error()) losses_.Lost(1);
                     });
    }
  }

 private:
  const ShardOptions options_;
  FillLosses& losses_;
  redis::CommandList commands_;  // kept for its memory, as the next one
  const std::unique_ptr<redis::Cluster> cluster_;
};

void Tune(redis::NodeOptions& options) {
  options.timeouts_to_open = kTimeoutsToOpen;
  options.ping_timeout = std::min(options.ping_timeout, kPingTimeout);
  options.output_bytes_max = kOutputBytesMax;
  options.seed = UnpredictableSeed();
  if (options.greeting.client_name.empty()) options.greeting.client_name = "itemgate-seen";
}

/// By which rendezvous hashing knows it.
std::string NameOfShard(const redis::ConnectionSettings& settings) {
  if (settings.topology == redis::Topology::kNodes) return settings.node.endpoint.ToString();
  std::vector<std::string> sentinels;
  for (const Endpoint& endpoint : settings.endpoints) sentinels.push_back(endpoint.ToString());
  return settings.service_name + "@" + std::ranges::min(sentinels);
}

/// One for each shard.
std::vector<redis::ConnectionSettings> Split(const redis::ConnectionSettings& settings) {
  if (settings.topology != redis::Topology::kNodes) return {settings};
  std::vector<redis::ConnectionSettings> each;
  for (const Endpoint& endpoint : settings.endpoints) {
    redis::ConnectionSettings& one = each.emplace_back(settings);
    one.endpoints = {endpoint};
    one.node.endpoint = endpoint;
  }
  return each;
}

}  // namespace

Result<std::vector<redis::ConnectionSettings>> ParseServers(std::span<const std::string> texts) {
  std::vector<redis::ConnectionSettings> servers;
  for (const std::string& text : texts) {
    auto settings = redis::ParseConnectionText(text);
    if (!settings) return std::unexpected(settings.error());
    std::ranges::move(Split(*settings), std::back_inserter(servers));
  }
  if (servers.empty())
    return Fail(ErrorCode::kInvalidArgument,
                "no Redis server is named; give at least one, as host:port");
  const bool has_cluster = std::ranges::any_of(
      servers, [](const auto& settings) { return settings.topology == redis::Topology::kCluster; });
  if (has_cluster && servers.size() > 1)
    return Fail(ErrorCode::kUnsupported,
                "a Redis Cluster cannot share the memory with other servers: name it alone");
  for (std::size_t i = 0; i < servers.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (const std::string name = NameOfShard(servers[i]); name == NameOfShard(servers[j]))
        return Fail(ErrorCode::kInvalidArgument, "the Redis server " + name + " is named twice");
  return servers;
}

Result<ShardSet> MakeShards(const redis::NodeContext& context,
                            std::span<const redis::ConnectionSettings> servers,
                            const ShardOptions& options, FillLosses& losses) {
  ShardSet made;
  for (redis::ConnectionSettings settings : servers) {
    Tune(settings.node);
    made.names.push_back(NameOfShard(settings));
    if (settings.topology == redis::Topology::kCluster) {
      auto cluster = redis::Cluster::Make(context, settings);
      if (!cluster) return std::unexpected(cluster.error());
      made.shards.push_back(std::make_unique<ClusterShard>(*std::move(cluster), options, losses));
      continue;
    }
    auto shard = std::make_unique<NodeShard>(context.clock, options, losses);
    if (auto opened = shard->Open(context, settings); !opened)
      return std::unexpected(opened.error());
    made.shards.push_back(std::move(shard));
  }
  return made;
}

}  // namespace itemgate::seen
