#pragma once

#include "lock/redlock/node_set.h"

namespace itemgate::redlock {

/// What one node said to one question.
enum class Vote : std::uint8_t {
  kGranted,  // the key was set, extended or deleted
  kTaken,    // somebody else's key is there
  kMissing,  // there is no such key: nothing to extend or to delete
  kRefused,  // an error, certainly without effect: the node is not reached, or said why not
  kUnknown,  // an error after sending: it may have taken effect, or may yet
};

/// One question to several nodes, and what each has said so far.
class Ballot {
 public:
  Ballot() = default;
  explicit Ballot(NodeSet nodes) : pending_(nodes) {}

  /// False if that node was not asked, or has answered already.
  bool Record(int node, Vote vote) {
    if (!pending_.Contains(node)) return false;
    pending_.Remove(node);
    SetOf(vote).Add(node);
    return true;
  }

  /// Whoever has not answered counts as unknown from now on.
  void Close() {
    failed_ = failed_ | pending_;
    pending_ = {};
  }

  /// Those that failed are asked again.
  void AskAgain(NodeSet nodes) {
    failed_ = failed_ - nodes;
    pending_ = pending_ | nodes;
  }

  /// A node that had lost the key has it again.
  void Restore(int node) {
    missing_.Remove(node);
    granted_.Add(node);
  }

  [[nodiscard]] NodeSet pending() const { return pending_; }
  [[nodiscard]] NodeSet granted() const { return granted_; }
  [[nodiscard]] NodeSet taken() const { return taken_; }
  [[nodiscard]] NodeSet missing() const { return missing_; }
  [[nodiscard]] NodeSet failed() const { return failed_; }

 private:
  [[nodiscard]] NodeSet& SetOf(Vote vote) {
    if (vote == Vote::kGranted) return granted_;
    if (vote == Vote::kTaken) return taken_;
    return vote == Vote::kMissing ? missing_ : failed_;
  }

  NodeSet pending_;
  NodeSet granted_;
  NodeSet taken_;
  NodeSet missing_;
  NodeSet failed_;
};

}  // namespace itemgate::redlock
