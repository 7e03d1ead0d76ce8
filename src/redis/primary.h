#pragma once

#include <memory>

#include "redis/connection_text.h"
#include "redis/node.h"

namespace itemgate::redis {

/// Whichever server takes the writes: the only one, that of several which says that it is the primary, or that of a
/// group that Sentinels watch. One Node, which goes where the primary is.
///
/// Of several servers, all are tried in turn, with the pauses of a node that is lost, until one answers ROLE with
/// "master"; and again when that one is lost or says that it is read-only. Threads: the loop's.
class Primary {
 public:
  /// Opens what the settings name. Fails as Node::Make, and with kUnsupported for a cluster, which has many primaries
  /// (redis/cluster.h). `listener`, which may be null, is that of the node, but is told of a server that is ready only
  /// when it is the primary.
  [[nodiscard]] static Result<std::unique_ptr<Primary>> Open(const NodeContext& context,
                                                             const ConnectionSettings& settings,
                                                             NodeListener* listener = nullptr);
  virtual ~Primary() = default;

  virtual void Start() = 0;
  /// Answers what is not answered yet with kStopped.
  virtual void Stop() = 0;
  [[nodiscard]] virtual Node& node() = 0;
  /// Connected to it: it answers, or has not answered for a while.
  [[nodiscard]] virtual bool is_connected() const = 0;
};

}  // namespace itemgate::redis
