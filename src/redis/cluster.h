#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/connection_text.h"
#include "redis/key_place.h"
#include "redis/node.h"

namespace itemgate::redis {

/// A Redis Cluster: one node for each primary, and the slots they have.
///
/// A call goes to the node that has its slot; MOVED and ASK are followed. The slots are learnt from any node: at the
/// start, after a MOVED or a lost connection, and from time to time. What waits for a node that is gone goes to the one
/// that has replaced it. Threads: the loop's. Cost: an allocation per call,
/// which is kept until its answer, and nothing else beyond that of Node.
class Cluster {
 public:
  /// Fails as Node::Make. REQUIRES: settings of Topology::kCluster; its endpoints are any nodes of the cluster.
  [[nodiscard]] static Result<std::unique_ptr<Cluster>> Make(const NodeContext& context,
                                                             const ConnectionSettings& settings);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  void Start();
  /// Answers what is not answered yet with kStopped.
  void Stop();

  /// As Node::Send, to where `key` is. All keys of the commands must be in its slot. Of several commands an ASK is not
  /// followed, but told: try again later.
  void Send(std::string_view key, const CommandList& commands, const CallOptions& options,
            Callback callback);
  /// As Node::Eval, to where the first key is. REQUIRES: there is a key.
  void Eval(const Script& script, const ScriptInput& input, const CallOptions& options,
            Callback callback);

  /// All slots have a node.
  [[nodiscard]] bool is_complete() const { return is_complete_; }
  [[nodiscard]] std::uint64_t redirections() const { return redirections_; }

 private:
  class Peer;
  struct Call;
  enum class Asking : std::uint8_t { kNo, kYes };

  Cluster(const NodeContext& context, const ConnectionSettings& settings);

  void Begin(std::string_view key, std::unique_ptr<Call> call, Callback callback);
  void Dispatch(std::unique_ptr<Call> call, Peer& peer, Asking asking);
  /// Sends the call to where the server says it belongs, or where its slot is now if its node was stopped for having
  /// none; false, and the call stays, if there is no such place.
  [[nodiscard]] bool Redirect(std::unique_ptr<Call>& call, Peer& by, const Answer& answer);
  void SendAgain(std::unique_ptr<Call> call, Peer& peer, Asking asking);
  [[nodiscard]] Peer& PeerFor(std::uint16_t slot);
  /// The peer at that address, perhaps a new one; null beyond the limit.
  [[nodiscard]] Peer* PeerAt(const Endpoint& endpoint);
  void LearnSoon(Duration delay);
  void Learn();
  void TakeSlots(Replies ranges, const Endpoint& teller);
  void StopTheReplaced();

  const NodeContext context_;
  const ConnectionSettings settings_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::array<Peer*, kClusterSlots> slots_{};
  bool is_started_ = false;
  bool is_complete_ = false;
  std::uint64_t redirections_ = 0;
  std::size_t next_teller_ = 0;
  TimerId timer_{};
  Instant learn_at_ = Instant::max();
  // Shared with the timer's task, which finds out by it that this is gone.
  std::shared_ptr<int> life_ = std::make_shared<int>();
};

}  // namespace itemgate::redis
