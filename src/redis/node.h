#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "itemgate/error.h"
#include "net/event_loop.h"
#include "net/tcp.h"
#include "redis/call.h"
#include "redis/command_list.h"
#include "redis/node_options.h"
#include "redis/node_state.h"
#include "redis/script.h"

namespace itemgate::redis {

/// What a node lives on. All of it must outlive the node, and the loop must outlive the resolver's tasks.
struct NodeContext {
  EventLoop& loop;
  const Clock& clock;
  Executor&
      resolver;  // runs the look-up of host names, which blocks; the addresses of numeric hosts need none
  LookUpHost look_up = &ResolveAll;
};

/// One Redis server, or what answers in its place, over one connection that is kept up for ever. A host's name is
/// looked up at each attempt to connect; if it has several addresses they are tried in turn.
///
/// Every call of one loop round leaves in one write; replies are matched by order. Calls are sent in the order in which
/// they were made, the commands of a call adjacent. While there is no connection, calls fail at once or wait, as each
/// asks; what waits is sent when the node is back, unless its deadline passes first: what has expired is never sent.
/// A circuit breaker opens after several calls in a row without any sign of life, and closes with the first byte.
///
/// Threads: all on the loop's thread (or before the loop runs). Owns its connection; destroying it drops callbacks
/// without a call, Stop makes them. Cost: no allocation per call once buffers have grown, one system call per round.
class Node {
 public:
  /// Fails with kInvalidArgument if the TLS files cannot be used. `listener` may be null, else outlives the node.
  [[nodiscard]] static Result<std::unique_ptr<Node>> Make(const NodeContext& context,
                                                          NodeOptions options,
                                                          NodeListener* listener = nullptr);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Begins to connect, and reconnects from now on.
  void Start();
  /// Closes the connection; calls that are not answered fail with kStopped. May be started again.
  void Stop();

  /// REQUIRES: commands are not empty.
  void Send(const CommandList& commands, const CallOptions& options, Callback callback);

  /// Runs the script: EVALSHA where the server should know it, else EVAL, which teaches it. A NOSCRIPT is mended by
  /// sending the script again, behind whatever was sent meanwhile. `script` must live until the callback.
  void Eval(const Script& script, const ScriptInput& input, const CallOptions& options,
            Callback callback);

  /// Sends what was called in this round now, rather than at its end.
  void Flush();

  /// For a Subscriber: published messages are told, and each call has one command. It must outlive the node.
  void TellMessages(MessageReceiver* messages);

  /// Goes to another address: what is not answered yet fails or waits, as if the connection had been lost.
  void SetEndpoint(const Endpoint& endpoint);

  /// The next attempt to connect goes there. May be called by a listener that is told that the node waits.
  void SetNextEndpoint(const Endpoint& endpoint);
  /// The host's name has more addresses, to which the next attempts go otherwise.
  [[nodiscard]] bool has_next_address() const;
  /// Gives the connection up, as if it had been lost: the next attempt is made after a pause.
  void Leave(const Failure& why);

  [[nodiscard]] NodeState state() const;
  /// Why the node is not ready, or what ended the last connection.
  [[nodiscard]] const Failure& last_failure() const;
  [[nodiscard]] const Endpoint& endpoint() const;
  [[nodiscard]] const NodeCounters& counters() const;
  /// Calls without an answer, and those that wait to be sent.
  [[nodiscard]] std::size_t pending() const;

 private:
  class Impl;
  explicit Node(std::shared_ptr<Impl> impl);
  // Shared with the tasks and look-ups that it has posted, while they run.
  std::shared_ptr<Impl> impl_;
};

}  // namespace itemgate::redis
