#include "lock/redlock/engine.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/redis_live.h"

namespace itemgate::redlock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Grants everything at once, or says that it is taken, or is not reached, or takes what it is sent and says nothing.
class FakeNode final : public LockNode {
 public:
  enum class Mode { kWell, kTaken, kAway, kSilent };

  FakeNode(EventLoop& loop, VoteReceiver& receiver, int number)
      : loop_(loop), receiver_(receiver), number_(number) {}

  Mode mode = Mode::kWell;
  int asked = 0;

  bool Send(const Question& question, const redis::CommandList& /*command*/) override {
    if (mode == Mode::kAway) return false;
    ++asked;
    if (mode == Mode::kSilent)
      silenced_.push_back(question);
    else
      Answer(question, mode == Mode::kTaken ? Vote::kTaken : Vote::kGranted);
    return true;
  }
  void Flush() override {}
  void Close() override { Lose(); }
  /// The connection: whoever was not answered will not be.
  void Lose() {
    mode = Mode::kAway;
    for (const Question& question : std::exchange(silenced_, {})) Answer(question, Vote::kUnknown);
  }
  [[nodiscard]] bool is_connected() const override { return mode != Mode::kAway; }

 private:
  void Answer(const Question& question, Vote vote) {
    loop_.Post([this, question, vote] { receiver_.OnVote(question, number_, vote); });
  }

  EventLoop& loop_;
  VoteReceiver& receiver_;
  const int number_;
  std::vector<Question> silenced_;
};

/// An engine over three fake nodes.
class EngineTest : public testing::Test {
 protected:
  void TearDown() override {
    loop_.Run([this] { engine_.reset(); });
  }

  void Open(EngineOptions options) {
    options.end_points = {"a", "b", "c"};
    EventLoop& loop = loop_.context().loop;
    engine_.emplace(loop, clock_, std::move(options));
    std::vector<std::unique_ptr<LockNode>> nodes;
    for (int i = 0; i < 3; ++i) {
      auto node = std::make_unique<FakeNode>(loop, *engine_, i);
      nodes_.push_back(node.get());
      nodes.push_back(std::move(node));
    }
    engine_->SetNodes(std::move(nodes), {});
  }

  /// Runs it on the engine's thread, and all that follows from it but what waits for its time.
  void Do(const std::function<void()>& action) {
    loop_.Run(action);
    for (int hop = 0; hop < 20; ++hop) loop_.Run([] {});
  }
  [[nodiscard]] std::size_t lock_count() {
    return loop_.Run([this] { return engine_->lock_count(); });
  }

  RedLock Acquire(const std::string& name, Duration expiry = seconds(60)) {
    auto entry = std::make_shared<LockEntry>(name, name, PlanFor(3, expiry), engine_->random());
    std::optional<RedLock> lock;
    entry->done = [&](Result<RedLock> acquired) { lock.emplace(*std::move(acquired)); };
    entries_[name] = entry;
    Do([&] { engine_->Begin(entry); });
    return *std::move(lock);
  }
  void Release(const std::string& name) {
    Do([&] { engine_->Release(*entries_.at(name), {}); });
  }

  SystemClock clock_;
  redis::LiveLoop loop_;
  std::vector<FakeNode*> nodes_;
  std::optional<Engine> engine_;
  std::unordered_map<std::string, std::shared_ptr<LockEntry>> entries_;
};

TEST_F(EngineTest, ANodeThatWasAwayIsOwedNothing) {
  Open({});
  nodes_[2]->mode = FakeNode::Mode::kAway;
  const RedLock lock = Acquire("a");
  EXPECT_TRUE(lock.IsAcquired());
  Release("a");
  EXPECT_EQ(lock_count(), 0U);
}

TEST_F(EngineTest, ANodeThatMayHaveTheKeyIsOwedItsDeletion) {
  Open({});
  const RedLock lock = Acquire("a", milliseconds(500));
  Do([&] { nodes_[2]->Lose(); });
  Release("a");
  EXPECT_EQ(lock_count(), 1U);
  const int before = nodes_[2]->asked;
  Do([&] { nodes_[2]->mode = FakeNode::Mode::kWell; });
  while (lock_count() > 0) Do([] {});  // it is asked every 50 ms, a tenth of the expiry
  EXPECT_EQ(nodes_[2]->asked, before + 1);
}

TEST_F(EngineTest, WhatIsOwedToANodeThatIsAwayHasALimit) {
  Open({.cleaning_max = 10});
  std::vector<RedLock> locks;
  for (int i = 0; i < 30; ++i) locks.push_back(Acquire(std::to_string(i)));
  EXPECT_EQ(lock_count(), 30U);
  Do([&] { nodes_[2]->Lose(); });
  for (int i = 0; i < 30; ++i) Release(std::to_string(i));
  EXPECT_EQ(lock_count(), 10U);
}

// Or the lock would be free, and all others asleep until they look by themselves.
TEST_F(EngineTest, AWaiterThatIsWokenAndGivesUpWakesTheNext) {
  Open({});
  const auto set_all = [&](FakeNode::Mode mode) {
    for (FakeNode* node : nodes_) node->mode = mode;
  };
  set_all(FakeNode::Mode::kTaken);
  Plan plan = PlanFor(3, seconds(60));
  plan.wait = plan.retry = seconds(1000);
  std::vector<std::string> told;
  for (const std::string name : {"first", "second"}) {
    auto entry = std::make_shared<LockEntry>(name, "the key", plan, engine_->random());
    entry->done = [&, name](Result<RedLock> lock) {
      told.push_back(name + (lock && lock->IsAcquired() ? " has it" : " gave up"));
    };
    entries_[name] = entry;
    Do([&] { engine_->Begin(entry); });
  }
  set_all(FakeNode::Mode::kSilent);
  Do([&] { engine_->OnReleased("the key"); });
  set_all(FakeNode::Mode::kWell);
  Do([&] { engine_->Cancel(*entries_.at("first")); });
  EXPECT_EQ(told, (std::vector<std::string>{"first gave up", "second has it"}));
}

TEST_F(EngineTest, ALockThatFailedAtASilentNodeIsKeptOnlyWithinTheLimit) {
  Open({.cleaning_max = 1});
  nodes_[1]->mode = nodes_[2]->mode = FakeNode::Mode::kSilent;
  std::vector<RedLockStatus> told;
  for (int i = 0; i < 3; ++i) {
    const std::string name = std::to_string(i);
    auto entry =
        std::make_shared<LockEntry>(name, name, PlanFor(3, seconds(60)), engine_->random());
    entry->done = [&](Result<RedLock> lock) { told.push_back(lock->status()); };
    entries_[name] = entry;
    Do([&] { engine_->Begin(entry); });
  }
  // A node's time to answer is 1 s.
  while (loop_.Run([&] { return told.size(); }) < 3) Do([] {});
  Do([&] {
    nodes_[1]->Lose();
    nodes_[2]->Lose();
  });
  EXPECT_EQ(lock_count(), 1U);
  EXPECT_EQ(told, std::vector(3, RedLockStatus::kNoQuorum));
}

}  // namespace
}  // namespace itemgate::redlock
