// Several clients of the protocol over simulated nodes and networks: whatever the seed does to them, no two hold the
// lock at once, nothing is left behind, and nobody waits longer than it said.
#include <algorithm>
#include <map>
#include <memory>
#include <queue>
#include <vector>

#include <gtest/gtest.h>

#include "lock/redlock/protocol.h"

namespace itemgate::redlock {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kExpiry = milliseconds(400);

enum class Question { kSet, kExtend, kUnlock };

/// A Redis of one key.
struct Node {
  int owner = -1;
  Instant expires;

  Vote Execute(Question question, int client, Instant now) {
    if (owner >= 0 && now >= expires) owner = -1;
    switch (question) {
      case Question::kSet:
        if (owner >= 0) return Vote::kTaken;
        owner = client;
        expires = now + kExpiry;
        return Vote::kGranted;
      case Question::kExtend:
        if (owner < 0) return Vote::kMissing;
        if (owner != client) return Vote::kTaken;
        expires = now + kExpiry;
        return Vote::kGranted;
      case Question::kUnlock:
        if (owner != client) return Vote::kMissing;
        owner = -1;
        return Vote::kGranted;
    }
    return Vote::kRefused;
  }
};

enum class Memory { kKept, kLostByOne };

/// The clients, the nodes, and what is on its way between them. Each connection delivers in order and late, some
/// very late; a question that its node never sees is answered kRefused. Who deletes what was held tells one that waits,
/// late; other hints come from nowhere. Nodes keep what they have, or the first one forgets it now and then: then two
/// may hold the lock.
class World {
 public:
  World(std::uint64_t seed, int node_count, int client_count, Memory memory = Memory::kKept)
      : memory_(memory), random_(seed), nodes_(static_cast<std::size_t>(node_count)) {
    Plan plan = PlanFor(node_count, kExpiry);
    plan.attempts = 3;
    plan.attempt_delay = milliseconds(30);
    plan.wait = milliseconds(random_.Below(3000));
    plan.retry = milliseconds(50);
    for (int client = 0; client < client_count; ++client) {
      clients_.emplace_back(plan, random_, node_count);
      At(milliseconds(random_.Below(100)), [this, client] { Begin(client); });
    }
  }

  void Run() {
    while (!events_.empty() && ++steps_ < 200'000) {
      now_ = events_.top().time;
      auto event = events_.top().run;
      events_.pop();
      (*event)();
      if (memory_ == Memory::kKept) ExpectOneHolder();
      ExpectNothingLeftBehind();
      ExpectNobodyWaitsTooLong();
    }
    EXPECT_TRUE(events_.empty());
    for (const Client& client : clients_) EXPECT_TRUE(client.protocol.is_finished());
  }

  [[nodiscard]] int acquired_count() const { return acquired_; }

 private:
  struct Client {
    Client(const Plan& plan, Random& random, int node_count)
        : protocol(plan, random),
          sent(static_cast<std::size_t>(node_count)),
          answered(static_cast<std::size_t>(node_count)) {}
    LockProtocol protocol;
    std::vector<Instant> sent;  // when the last question arrives at each node, and its answer back
    std::vector<Instant> answered;
    std::optional<Instant> armed;
    std::optional<Instant> begun;  // until it is answered
  };
  struct Event {
    Instant time;
    std::uint64_t number;
    std::shared_ptr<std::move_only_function<void()>> run;
    bool operator<(const Event& other) const {
      return std::pair(time, number) > std::pair(other.time, other.number);
    }
  };

  void At(Duration delay, std::move_only_function<void()> run) {
    events_.push({now_ + delay, ++event_count_,
                  std::make_shared<std::move_only_function<void()>>(std::move(run))});
  }

  void Begin(int client) {
    Of(client).begun = now_;
    Apply(client, Of(client).protocol.Start(now_));
    if (random_.Below(3) != 0) return;
    At(milliseconds(random_.Below(1000)),
       [this, client] { Apply(client, Of(client).protocol.Cancel(now_)); });
  }

  void Apply(int client, const Step& step) {
    step.set.ForEach([&](int node) { Send(client, node, Question::kSet); });
    step.extend.ForEach([&](int node) { Send(client, node, Question::kExtend); });
    step.unlock.ForEach([&](int node) { Send(client, node, Question::kUnlock); });
    if (step.answered) Of(client).begun.reset();
    if (step.answered && Of(client).protocol.is_held()) {
      ++acquired_;
      At(milliseconds(random_.Below(1200)), [this, client] { Release(client); });
    }
    Arm(client);
    if (random_.Below(8) == 0) Apply(client, Of(client).protocol.OnWake(now_));
  }

  void Release(int client) { Apply(client, Of(client).protocol.Release(now_)); }

  Duration Latency() {
    const std::uint64_t kind = random_.Below(40);
    if (kind == 0) return milliseconds(random_.Below(700));
    return microseconds(kind < 4 ? random_.Below(40'000) : random_.Below(2'000));
  }

  void Send(int client, int node, Question question) {
    const auto index = static_cast<std::size_t>(node);
    const std::uint32_t round = Of(client).protocol.round();
    if (random_.Below(30) == 0)
      return At({}, [=, this] { Answer(client, node, round, question, Vote::kRefused); });
    const bool tells = question == Question::kUnlock && Of(client).protocol.was_held();
    Instant& sent = Of(client).sent[index];
    sent = std::max(sent, now_ + Latency());
    At(sent - now_, [=, this] {
      if (memory_ == Memory::kLostByOne && random_.Below(10) == 0) nodes_[0].owner = -1;
      const Vote vote = nodes_[index].Execute(question, client, now_);
      if (tells && vote == Vote::kGranted) At(Latency(), [this] { WakeOne(); });
      Instant& answered = Of(client).answered[index];
      answered = std::max(answered, now_ + Latency());
      const bool is_lost = random_.Below(30) == 0;
      At(answered - now_,
         [=, this] { Answer(client, node, round, question, is_lost ? Vote::kUnknown : vote); });
    });
  }

  void WakeOne() {
    const auto waiting =
        std::ranges::find_if(clients_, [](const Client& c) { return c.protocol.is_waiting(); });
    if (waiting == clients_.end()) return;
    Apply(static_cast<int>(waiting - clients_.begin()), waiting->protocol.OnWake(now_));
  }

  void Answer(int client, int node, std::uint32_t round, Question question, Vote vote) {
    LockProtocol& protocol = Of(client).protocol;
    if (question == Question::kSet) Apply(client, protocol.OnSet(round, node, vote, now_));
    if (question == Question::kExtend) Apply(client, protocol.OnExtend(round, node, vote, now_));
    if (question == Question::kUnlock) Apply(client, protocol.OnUnlock(round, node, vote, now_));
  }

  void Arm(int client) {
    Client& armed = Of(client);
    if (armed.protocol.due() == armed.armed) return;
    armed.armed = armed.protocol.due();
    if (!armed.armed) return;
    At(std::max(*armed.armed - now_, Duration::zero()), [this, client, due = *armed.armed] {
      if (Of(client).armed != due) return;
      Of(client).armed.reset();
      Apply(client, Of(client).protocol.OnTime(now_));
    });
  }

  void ExpectOneHolder() {
    int holders = 0;
    for (const Client& client : clients_)
      holders += client.protocol.is_held() && now_ < client.protocol.valid_until() ? 1 : 0;
    ASSERT_LE(holders, 1);
  }

  void ExpectNothingLeftBehind() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      if (node.owner < 0 || now_ >= node.expires) continue;
      const Client& owner = Of(node.owner);
      ASSERT_FALSE(owner.protocol.is_finished() && owner.sent[i] < now_);  // no unlock on its way
    }
  }

  /// Once the wait is over at most one set of attempts follows.
  void ExpectNobodyWaitsTooLong() {
    for (const Client& client : clients_) {
      const Plan& plan = client.protocol.plan();
      const Duration attempts = plan.attempts * (plan.node_timeout + plan.attempt_delay);
      ASSERT_TRUE(!client.begun || now_ <= *client.begun + plan.wait + attempts);
    }
  }

  Client& Of(int client) { return clients_[static_cast<std::size_t>(client)]; }

  const Memory memory_;
  Random random_;
  Instant now_{std::chrono::hours(1)};
  std::priority_queue<Event> events_;
  std::uint64_t event_count_ = 0;
  std::vector<Node> nodes_;
  std::vector<Client> clients_;
  int steps_ = 0;
  int acquired_ = 0;
};

TEST(LockWorld, NoTwoHoldTheLockAndNothingIsLeftBehind) {
  int acquired = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed, static_cast<int>(1 + seed % 5), static_cast<int>(1 + seed % 4));
    world.Run();
    acquired += world.acquired_count();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(acquired, 600);  // the worlds are not so bad that nothing happens in them
}

TEST(LockWorld, NobodyWaitsTooLongThoughAServerForgets) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed, static_cast<int>(3 + seed % 3), static_cast<int>(2 + seed % 3),
                Memory::kLostByOne);
    world.Run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace itemgate::redlock
