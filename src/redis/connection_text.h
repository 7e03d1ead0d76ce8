#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/error.h"
#include "redis/node_options.h"

namespace itemgate::redis {

/// How the servers of a deployment belong together.
enum class Topology : std::uint8_t {
  kNodes,     // each endpoint is a server of its own
  kSentinel,  // the endpoints are Sentinels that know where the primary is
  kCluster,   // the endpoints are some nodes of a Redis Cluster
};

/// A deployment, as a connection text describes it.
struct ConnectionSettings {
  Topology topology = Topology::kNodes;
  std::vector<Endpoint> endpoints;  // at least one, none twice
  std::string service_name;         // of the primary, for Sentinels
  Greeting
      sentinel_greeting;  // what Sentinels are told; falls back to the node's user and password
  NodeOptions node;       // for each server; its endpoint is the first one

  Duration topology_check = std::chrono::seconds(60);
  std::string channel_prefix;  // put before each channel of publish and subscribe
};

/// Reads a connection string of StackExchange.Redis ("localhost:6379,password=...,ssl=true") or a URI: redis://,
/// rediss:// (with TLS), redis+sentinel://h1,h2/service/db, redis+cluster://; in a URI everything is percent-decoded,
/// and further keys stand in its query. Each key is honoured or refused: with kInvalidArgument, or kUnsupported if
/// there is no such thing here; the message says what to do, and never shows a password. docs/redis.md lists the keys.
[[nodiscard]] Result<ConnectionSettings> ParseConnectionText(std::string_view text);

/// The connection string for it, without what is as by default, passwords as "*****".
[[nodiscard]] std::string DescribeConnection(const ConnectionSettings& settings);

}  // namespace itemgate::redis
