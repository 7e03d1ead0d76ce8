#include "lock/redlock/engine.h"

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lock/redlock/scripts.h"
#include "testing/redis_live.h"

namespace itemgate::redlock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

/// Grants everything at once, or says that it is taken, or is not reached, or takes what it is sent and says nothing,
/// or knows no script, or answers no two questions at once.
class FakeNode final : public LockNode {
 public:
  enum class Mode { kWell, kTaken, kAway, kSilent, kNoScript, kRefusesBatches };

  FakeNode(EventLoop& loop, VoteReceiver& receiver, int number)
      : loop_(loop), receiver_(receiver), number_(number) {}

  Mode mode = Mode::kWell;
  int asked = 0;
  std::vector<std::string> commands;    // "unlock a b by text", for each of these
  std::vector<std::string> publishing;  // those of them, by digest, that tell of a release

  bool Send(std::span<const Question> questions, const redis::CommandList& command) override {
    if (mode == Mode::kAway) return false;
    ++asked;
    const bool by_text = command.bytes().find("redis.") != std::string_view::npos;
    commands.push_back(Describe(questions) + (by_text ? " by text" : ""));
    if (command.bytes().contains(kUnlockAndPublishScript.digest) ||
        command.bytes().contains("\r\npublish\r\n"))
      publishing.push_back(commands.back());
    const std::vector asked_now(questions.begin(), questions.end());
    if (mode == Mode::kSilent)
      silenced_.insert(silenced_.end(), questions.begin(), questions.end());
    else if (mode == Mode::kNoScript && questions[0].kind != Question::Kind::kSet && !by_text)
      loop_.Post([this, asked_now] { receiver_.OnNoScript(asked_now, number_); });
    else if (mode == Mode::kRefusesBatches && questions.size() > 1)
      loop_.Post([this, asked_now] { receiver_.OnBatchRefused(asked_now, number_); });
    else
      for (const Question& question : questions)
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
  [[nodiscard]] std::string failure() const override { return is_connected() ? "" : "away"; }
  /// To all that it has kept silent about, at once.
  void AnswerNow(Vote vote) {
    for (const Question& question : std::exchange(silenced_, {}))
      receiver_.OnVote(question, number_, vote);
  }

 private:
  static std::string Describe(std::span<const Question> questions) {
    using enum Question::Kind;
    const Question::Kind kind = questions[0].kind;
    std::string text = kind == kSet ? "set" : kind == kExtend ? "extend" : "unlock";
    for (const Question& question : questions) text += " " + question.lock->key;
    return text;
  }
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
  /// One that tries until it has it, whenever it is woken.
  std::shared_ptr<LockEntry> BeginWaiter(const std::string& name) {
    Plan plan = PlanFor(3, seconds(60));
    plan.wait = plan.retry = plan.attempt_delay = seconds(1000);
    auto entry = std::make_shared<LockEntry>(name, name, plan, engine_->random());
    entry->done = [](const Result<RedLock>&) {};
    Do([&] { engine_->Begin(entry); });
    return entry;
  }
  void Release(const std::string& name) {
    Do([&] { engine_->Release(*entries_.at(name), {}); });
  }
  /// In one round; and what the second node was sent then.
  std::vector<std::string> ReleaseTogether(const std::vector<std::string>& names) {
    Do([&] { nodes_[1]->commands.clear(); });
    Do([&] {
      for (const std::string& name : names) engine_->Release(*entries_.at(name), {});
    });
    return loop_.Run([&] { return nodes_[1]->commands; });
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

TEST_F(EngineTest, OnlyTheFirstReleaseOfWhatWasHeldWakesAWaiter) {
  Open({});
  const RedLock held = Acquire("a");
  for (FakeNode* node : nodes_) node->mode = FakeNode::Mode::kTaken;
  auto loser =
      std::make_shared<LockEntry>("loser", "a", PlanFor(3, seconds(60)), engine_->random());
  loser->done = [](const Result<RedLock>& lock) { EXPECT_FALSE(lock->IsAcquired()); };
  Do([&] { engine_->Begin(loser); });
  const auto waiter = BeginWaiter("a");
  const auto told = [&] {
    return loop_.Run([&] { return std::exchange(nodes_[1]->commands, {}); });
  };
  (void)told();
  Do([&] { engine_->Release(*loser, {}); });
  EXPECT_THAT(told(), IsEmpty());
  Release("a");
  EXPECT_THAT(told(), ElementsAre("unlock a", "set a"));
  Release("a");
  EXPECT_THAT(told(), IsEmpty());
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

TEST_F(EngineTest, ReleasesOfOneRoundAreOneCommand) {
  Open({});
  const RedLock a = Acquire("a");
  const RedLock b = Acquire("b");
  EXPECT_THAT(ReleaseTogether({"a", "b"}), ElementsAre("unlock a b"));
  EXPECT_EQ(a.status(), RedLockStatus::kUnlocked);
  EXPECT_EQ(lock_count(), 0U);
}

TEST_F(EngineTest, AtMost64ReleasesAreOneCommand) {
  Open({});
  std::vector<RedLock> locks;
  std::vector<std::string> names;
  for (int i = 0; i < 65; ++i) locks.push_back(Acquire(names.emplace_back(std::to_string(i))));
  EXPECT_THAT(ReleaseTogether(names), ElementsAre(testing::StartsWith("unlock 0 1"), "unlock 64"));
  EXPECT_EQ(lock_count(), 0U);
}

// The second node has said that "b" is taken there.
TEST_F(EngineTest, EachNodeIsSentWhatConcernsIt) {
  Open({});
  const RedLock a = Acquire("a");
  Do([&] {
    nodes_[0]->mode = nodes_[2]->mode = FakeNode::Mode::kSilent;
    nodes_[1]->mode = FakeNode::Mode::kTaken;
  });
  auto cancelled =
      std::make_shared<LockEntry>("b", "b", PlanFor(3, seconds(60)), engine_->random());
  cancelled->done = [](const Result<RedLock>& lock) { EXPECT_FALSE(lock); };
  Do([&] { engine_->Begin(cancelled); });
  Do([&] {
    for (FakeNode* node : nodes_) node->commands.clear();
  });
  Do([&] {
    engine_->Release(*entries_.at("a"), {});
    engine_->Cancel(*cancelled);
  });
  Do([&] {
    EXPECT_THAT(nodes_[0]->commands, ElementsAre("unlock a", "unlock b"));
    EXPECT_THAT(nodes_[1]->commands, ElementsAre("unlock a"));
  });
}

// All attempts of a lock have one id: the deletion would meet what was set after it.
TEST_F(EngineTest, WhatAnAttemptLeftIsDeletedBeforeTheNextAttempt) {
  Open({});
  for (FakeNode* node : nodes_) node->mode = FakeNode::Mode::kSilent;
  const auto waiter = BeginWaiter("a");
  Do([&] {
    nodes_[0]->AnswerNow(Vote::kGranted);
    nodes_[1]->AnswerNow(Vote::kTaken);
    nodes_[2]->AnswerNow(Vote::kTaken);
    engine_->OnReleased("a");
  });
  EXPECT_THAT(loop_.Run([&] { return nodes_[0]->commands; }),
              ElementsAre("set a", "unlock a", "set a"));
}

// Or whoever made the attempt would wake itself.
TEST_F(EngineTest, OnlyWhatWasHeldIsToldOfWhenItIsDeleted) {
  Open({});
  const RedLock held = Acquire("held");
  Do([&] { nodes_[1]->mode = nodes_[2]->mode = FakeNode::Mode::kTaken; });
  const auto waiter = BeginWaiter("taken");
  EXPECT_THAT(loop_.Run([&] { return nodes_[0]->commands; }),
              ElementsAre("set held", "set taken", "unlock taken"));
  EXPECT_THAT(loop_.Run([&] { return nodes_[0]->publishing; }), IsEmpty());
  Release("held");
  EXPECT_THAT(loop_.Run([&] { return nodes_[0]->publishing; }), ElementsAre("unlock held"));
}

TEST_F(EngineTest, WhatIsToldOfAndWhatIsNotAreTwoCommands) {
  Open({});
  const RedLock a = Acquire("a");
  const RedLock b = Acquire("b");
  Do([&] {
    for (FakeNode* node : nodes_) node->mode = FakeNode::Mode::kSilent;
  });
  const auto waiter = BeginWaiter("c");
  Do([&] {
    nodes_[1]->commands.clear();
    engine_->Release(*entries_.at("a"), {});
    engine_->Cancel(*waiter);
    engine_->Release(*entries_.at("b"), {});
  });
  EXPECT_THAT(loop_.Run([&] { return nodes_[1]->commands; }),
              ElementsAre("unlock a b", "unlock c"));
  EXPECT_THAT(loop_.Run([&] { return nodes_[1]->publishing; }), ElementsAre("unlock a b"));
}

// Or it would find its key taken.
TEST_F(EngineTest, AReleaseStaysBeforeANewAttemptForItsKey) {
  Open({});
  const RedLock a = Acquire("a");
  auto next = std::make_shared<LockEntry>("next", "a", PlanFor(3, seconds(60)), engine_->random());
  next->done = [](const Result<RedLock>& lock) { EXPECT_TRUE(lock->IsAcquired()); };
  Do([&] { nodes_[1]->commands.clear(); });
  Do([&] {
    engine_->Release(*entries_.at("a"), {});
    engine_->Begin(next);
  });
  EXPECT_THAT(loop_.Run([&] { return nodes_[1]->commands; }), ElementsAre("unlock a", "set a"));
}

TEST_F(EngineTest, ReleasesAreAskedForAgainByText) {
  Open({});
  const RedLock a = Acquire("a");
  const RedLock b = Acquire("b");
  Do([&] { nodes_[1]->mode = FakeNode::Mode::kNoScript; });
  EXPECT_THAT(ReleaseTogether({"a", "b"}), ElementsAre("unlock a b", "unlock a b by text"));
  EXPECT_EQ(lock_count(), 0U);
}

TEST_F(EngineTest, WhatHasBegunItsNextAttemptIsNotDeletedByText) {
  Open({});
  for (FakeNode* node : nodes_) node->mode = FakeNode::Mode::kSilent;
  const auto a = BeginWaiter("a");
  const auto b = BeginWaiter("b");
  Do([&] {
    nodes_[0]->mode = FakeNode::Mode::kNoScript;
    nodes_[1]->AnswerNow(Vote::kTaken);
    nodes_[2]->AnswerNow(Vote::kTaken);
    // After the deletions were sent, and before their answer.
    loop_.context().loop.Post([&] { engine_->OnReleased("b"); });
  });
  EXPECT_THAT(loop_.Run([&] { return nodes_[0]->commands; }),
              ElementsAre("set a", "set b", "unlock a b", "set b", "unlock a by text"));
}

TEST_F(EngineTest, ReleasesThatReachNobodyAreAnsweredOnce) {
  Open({});
  std::vector<RedLock> locks;
  for (int i = 0; i < 200; ++i) locks.push_back(Acquire(std::to_string(i)));
  std::vector<int> told(200);
  Do([&] {
    for (FakeNode* node : nodes_) node->Lose();
    for (std::size_t i = 0; i < told.size(); ++i)
      engine_->Release(*entries_.at(std::to_string(i)), [&told, i](const RedLockRelease& release) {
        EXPECT_EQ(release.error, 3);
        ++told[i];
      });
  });
  EXPECT_EQ(told, std::vector(200, 1));
}

TEST_F(EngineTest, ReleasesThatAreRefusedTogetherAreAskedForOneByOne) {
  Open({});
  const RedLock a = Acquire("a");
  const RedLock b = Acquire("b");
  Do([&] { nodes_[1]->mode = FakeNode::Mode::kRefusesBatches; });
  EXPECT_THAT(ReleaseTogether({"a", "b"}), ElementsAre("unlock a b", "unlock a", "unlock b"));
  EXPECT_EQ(lock_count(), 0U);
}

}  // namespace
}  // namespace itemgate::redlock
