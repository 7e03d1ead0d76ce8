#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "itemgate/error.h"
#include "redis/connection_text.h"

namespace itemgate::cli {

enum class RedisUse : std::uint8_t { kLock, kSeenCache };

/// What was learnt of one Redis server.
struct RedisExamination {
  std::string address;
  std::string failure;  // why it could not be asked; empty: it was
  std::string info;     // all that INFO says; empty if the ACL forbids it, or it was not answered
  std::string silence;  // why INFO was not answered; empty: it was, or is forbidden
  bool uses_tls = false;
  std::string user = "default";
  bool may_administer = false;           // its user may read the configuration, which no use needs
  std::vector<std::string> forbidden;    // what the use needs and the ACL forbids: "SET"
  bool forbids_keys = false;             // those of the use
  bool forbids_channels = false;         // likewise
  std::optional<Duration> clock_offset;  // its clock ahead of ours, give or take half a round trip
  std::optional<Duration> clock_drift;   // how much that changed within a second
};

/// What one Sentinel says of a group.
struct SentinelExamination {
  std::string address;
  std::string failure;  // why it could not be asked; empty: it was
  std::string silence;  // why it says nothing of the group; empty: it does
  std::string run_id;   // empty: the ACL forbids INFO
  std::string master;   // host:port
  std::string flags;    // "master", "s_down,master"
  std::int64_t epoch = 0;
  std::int64_t other_sentinels = 0;
  std::string quorum_check;  // what CKQUORUM says; empty: the ACL forbids it
  std::vector<Endpoint> replicas;
};

/// What a Redis Cluster says of itself.
struct ClusterExamination {
  std::string silence;  // why it says nothing; empty: it does
  std::string info;     // CLUSTER INFO
  std::int64_t slots = 0;
  std::vector<Endpoint> primaries;
  std::vector<Endpoint> replicas;
  std::vector<std::string> alone;  // primaries without a replica
};

/// One vote, or one shard: a server, several of which the master counts, what Sentinels watch, or a cluster.
struct GroupExamination {
  std::string name;
  redis::Topology topology = redis::Topology::kNodes;
  std::vector<SentinelExamination> sentinels;
  std::optional<ClusterExamination> cluster;
  std::vector<RedisExamination> servers;  // those given, or those that Sentinels and clusters tell
};

/// The value of a line `name:value` of INFO; empty if there is none.
[[nodiscard]] std::string_view InfoField(std::string_view info, std::string_view name);

/// Asks all servers at once, for about a second, Sentinels and clusters before that; blocks. Nothing is changed there:
/// whether the use's commands are allowed is found out with such as have no effect, on keys that begin with `prefix`.
/// Fails with kInvalidArgument if TLS files cannot be used.
[[nodiscard]] Result<std::vector<GroupExamination>> ExamineRedis(
    const std::vector<redis::ConnectionSettings>& groups, RedisUse use, std::string_view prefix,
    const Clock& clock);

}  // namespace itemgate::cli
