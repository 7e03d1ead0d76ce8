#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "lock/redlock/encode.h"
#include "lock/redlock/lock_entry.h"
#include "lock/redlock/lock_id.h"
#include "lock/redlock/node.h"
#include "net/event_loop.h"

namespace itemgate::redlock {

struct EngineOptions {
  RedLockIdStyle id_style = RedLockIdStyle::kGuid;
  bool publish_releases = true;
  std::vector<std::string> end_points;  // what to call the nodes
  /// Locks whose callers know everything, while a node that is not reached may have the key: it is told to delete it
  /// when it is back. Beyond so many the key is left to its expiry.
  std::size_t cleaning_max = 65'536;
  std::function<void(const RedLockConfigurationChange&)> on_configuration_changed;  // may be empty
};

/// Drives the protocols of all locks over the nodes, on the loop's thread: one timer for all, and what is to be sent in
/// one round of the loop leaves in one write for each node.
class Engine final : public VoteReceiver {
 public:
  /// `loop` and `clock` must outlive it.
  Engine(EventLoop& loop, const Clock& clock, EngineOptions options);

  /// `listen` makes a listener at that node, or none; may be empty. REQUIRES: nothing was begun yet.
  void SetNodes(std::vector<std::unique_ptr<LockNode>> nodes,
                std::function<std::unique_ptr<ReleaseListener>(int node)> listen) {
    nodes_ = std::move(nodes);
    listen_ = std::move(listen);
  }

  void Begin(const std::shared_ptr<LockEntry>& lock);
  void Cancel(LockEntry& lock);
  /// `done` may be empty.
  void Release(LockEntry& lock, std::function<void(RedLockRelease)> done);

  /// Ends every lock, and calls `closed` when all is said, or after `wait`.
  void Close(Duration wait, std::function<void()> closed);

  /// Gives the answers that are still owed. REQUIRES: the loop has run its last task, on this thread.
  void FinishAnswers();

  /// Calls it when all nodes are connected, or after `wait`.
  void CallWhenConnected(Duration wait, std::function<void()> call);

  [[nodiscard]] std::vector<RedLockInstance> Instances() const;
  /// Locks that it has to do with.
  [[nodiscard]] std::size_t lock_count() const { return locks_.size(); }
  /// What the constructor of a protocol takes; not to be used but on the loop's thread.
  [[nodiscard]] Random& random() { return random_; }

  void OnVote(const Question& question, int node, Vote vote) override;
  void OnNoScript(std::span<const Question> questions, int node) override;
  void OnBatchRefused(std::span<const Question> questions, int node) override;
  void OnIdentity(int node, std::string_view run_id) override;
  void OnConnectionChanged(int node) override;
  void OnReleased(std::string_view key) override { WakeOne(std::string(key)); }

 private:
  struct Refusal {
    Question question;
    int node;
  };
  struct Unlock {
    Question question;
    NodeSet nodes;
  };

  void Apply(LockEntry& lock, const Step& step);
  void Send(LockEntry& lock, Question::Kind kind, NodeSet nodes);
  void SendTo(std::span<const Question> questions, int node, const redis::CommandList& command);
  void SendUnlocks();
  [[nodiscard]] const redis::CommandList& Encode(std::span<const Question> questions,
                                                 ScriptForm form);
  [[nodiscard]] std::vector<Question> StillAsked(std::span<const Question> questions, int node);
  void TellRefusals();
  void Take(const Question& question, int node, Vote vote);
  void ScheduleTimer(LockEntry& lock);
  void ArmTimer();
  void RunTimers();
  void UpdateWaiting(LockEntry& lock);
  void TellConfigurationLater();
  [[nodiscard]] ReleaseListener* Listener();
  void WakeOne(const std::string& key);
  [[nodiscard]] bool Keeps(const LockEntry& lock) const;
  void DropIfFinished(LockEntry& lock);
  [[nodiscard]] bool KeepsForCleaning(LockEntry& lock);
  void AnswerLater(std::move_only_function<void()> answer);
  void ScheduleFlush();
  void Flush();

  // Constant after construction.
  EventLoop& loop_;
  const Clock& clock_;
  const EngineOptions options_;

  Random random_;
  LockIds ids_;
  std::vector<std::unique_ptr<LockNode>> nodes_;
  std::vector<std::string> run_ids_;
  NodeSet duplicates_;

  std::vector<std::shared_ptr<LockEntry>> locks_;  // all that are not finished
  std::size_t cleaning_count_ = 0;                 // of them: only for what may be left somewhere
  std::unordered_map<std::string, std::vector<LockEntry*>> waiters_;
  std::function<std::unique_ptr<ReleaseListener>(int node)> listen_;
  std::unique_ptr<ReleaseListener> listener_;  // at one node, which tells of those keys that it had
  std::size_t listened_node_ = 0;
  TimerWheel wheel_;
  std::optional<Instant> timer_due_;
  TimerId timer_{};
  std::deque<Refusal> refusals_;  // to be told when the step that met them is done
  bool is_telling_ = false;       // refusals
  int applying_ = 0;
  std::vector<Unlock> unlocks_;  // of this round: each node gets them in one command
  std::vector<Question> batch_;  // of SendUnlocks
  redis::CommandList command_;
  std::vector<std::move_only_function<void()>> answers_;  // given after what is queued was written
  bool is_flush_scheduled_ = false;
  bool is_configuration_told_ = true;
  std::function<void()> closed_;
};

}  // namespace itemgate::redlock
