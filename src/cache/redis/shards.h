#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cache/redis/shard.h"
#include "redis/connection_text.h"
#include "redis/node.h"

namespace itemgate::seen {

struct ShardOptions {
  Duration deadline{};              // of each answer
  std::function<void()> on_change;  // a shard has become ready, or is not any more
};

struct ShardSet {
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::string> names;
};

/// Reads connection texts: each server is a shard, each Sentinel group one, or all is one Redis Cluster. Fails with
/// kInvalidArgument or kUnsupported for wrong texts, for none, for a server that is named twice, and for a cluster
/// beside others. The message never shows a password.
[[nodiscard]] Result<std::vector<redis::ConnectionSettings>> ParseServers(
    std::span<const std::string> texts);

/// The shards for them, not started; `losses` and what the context names must outlive them. Fails with kInvalidArgument
/// if TLS files cannot be used.
[[nodiscard]] Result<ShardSet> MakeShards(const redis::NodeContext& context,
                                          std::span<const redis::ConnectionSettings> servers,
                                          const ShardOptions& options, FillLosses& losses);

}  // namespace itemgate::seen
