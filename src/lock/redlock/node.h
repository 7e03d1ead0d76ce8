#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lock/redlock/ballot.h"
#include "redis/command_list.h"

namespace itemgate::redlock {

class LockEntry;

/// What a lock asked a node, as it comes back with the answer.
struct Question {
  enum class Kind : std::uint8_t { kSet, kExtend, kUnlock };
  Kind kind;
  std::uint32_t round;
  LockEntry* lock;
};

/// Is told what the nodes say. On the loop's thread, never from within LockNode::Send.
class VoteReceiver {
 public:
  virtual ~VoteReceiver() = default;
  virtual void OnVote(const Question& question, int node, Vote vote) = 0;
  /// The node does not know the script, and has done nothing.
  virtual void OnNoScript(std::span<const Question> questions, int node) = 0;
  /// The node refused several questions as a whole, for one of the keys: the user may not touch it, or it belongs
  /// elsewhere. Nothing was done.
  virtual void OnBatchRefused(std::span<const Question> questions, int node) = 0;
  /// The node says which server it is.
  virtual void OnIdentity(int node, std::string_view run_id) = 0;
  /// The node is connected, or is not any more, or is another server of its group.
  virtual void OnConnectionChanged(int node) = 0;
  /// Somebody released that key; or it is watched from now on, and may have been released just before.
  virtual void OnReleased(std::string_view key) = 0;
};

/// Hears which keys are released, as far as those who release them tell. A hint: it may be lost. On the loop's thread.
class ReleaseListener {
 public:
  virtual ~ReleaseListener() = default;
  virtual void Watch(const std::string& key) = 0;
  virtual void Unwatch(const std::string& key) = 0;
  /// Its node may have moved to another server.
  virtual void Follow() = 0;
};

/// One vote: the connection to one server. All on the loop's thread.
class LockNode {
 public:
  virtual ~LockNode() = default;

  /// Queues a command, which the server will execute after those before, and which asks all that. False: it is not
  /// reached, nothing was queued.
  [[nodiscard]] virtual bool Send(std::span<const Question> questions,
                                  const redis::CommandList& command) = 0;
  /// Writes what is queued.
  virtual void Flush() = 0;
  /// Closes the connection for ever: every question that was not answered is kUnknown. Nothing can be sent any more.
  virtual void Close() = 0;
  [[nodiscard]] virtual bool is_connected() const = 0;
  /// Why it is not, or what it last gave instead of a vote, for an operator; empty: all is well.
  [[nodiscard]] virtual std::string failure() const = 0;
};

}  // namespace itemgate::redlock
