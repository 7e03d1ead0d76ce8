#pragma once

#include <cstdint>
#include <string_view>

#include "redis/failure.h"

namespace itemgate::redis {

enum class NodeState : std::uint8_t {
  kStopped,       // not started, or stopped
  kConnecting,    // on the way: look-up, TCP, TLS, greeting
  kReady,         // calls are sent at once
  kUnresponsive,  // connected, but the circuit is open until the node answers anything
  kWaiting,       // for the next attempt to connect
};

/// Is told of a node's changes, on the loop's thread, never from within a call of the node's. May send; may not destroy
/// the node.
class NodeListener {
 public:
  virtual ~NodeListener() = default;
  /// `why` is the last failure, and null when the node has become ready.
  virtual void NodeChanged(NodeState state, const Failure* why) = 0;
  /// A reply, to whomever, was an error that speaks of the node rather than of the command: READONLY, LOADING ...
  virtual void ErrorReplied(FailureKind kind, std::string_view text) = 0;
};

/// Is told of published messages, on the loop's thread. May send; may not destroy the node.
class MessageReceiver {
 public:
  virtual ~MessageReceiver() = default;
  virtual void MessageCame(std::string_view channel, std::string_view payload) = 0;
};

/// What happened to a node since it was made.
struct NodeCounters {
  std::uint64_t calls = 0;
  std::uint64_t replies = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t late_answers = 0;  // answers that came after their deadline
  std::uint64_t refused = 0;  // calls that were not sent: no connection, open circuit, full queue
  std::uint64_t connections = 0;     // that became ready
  std::uint64_t scripts_resent = 0;  // NOSCRIPT mended by EVAL
  std::uint64_t writes = 0;          // system calls that sent something
};

}  // namespace itemgate::redis
