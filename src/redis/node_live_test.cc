// A node against real servers, which the tests start on free ports of loopback.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "redis/node.h"
#include "redis/primary.h"
#include "testing/eventually.h"
#include "testing/manual_executor.h"
#include "testing/redis_live.h"
#include "testing/redis_server.h"

namespace itemgate::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class NodeLiveTest : public testing::Test {
 protected:
  static NodeOptions OptionsFor(const Endpoint& endpoint) {
    return {.endpoint = endpoint, .call_timeout = seconds(20), .seed = 1};
  }
  LiveLoop loop_;
};

TEST_F(NodeLiveTest, SendsCommandsOfAnyBytesAndGetsReplies) {
  const RedisServer server;
  LiveNode node(loop_, OptionsFor(server.endpoint()));
  ASSERT_TRUE(node.WaitFor(NodeState::kReady));
  CommandList commands("SET", "key", std::string_view("a\r\n\0b", 5), "NX", "PX", 60'000);
  commands.Add("GET", "key").Add("INCR", "n").Add("GET", "none").Add("NOSUCH");
  const Told told = node.Call(commands);
  EXPECT_TRUE(told.ok) << told.message;
  EXPECT_THAT(told.replies, ElementsAre("OK", std::string("a\r\n\0b", 5), "1", "nil",
                                        StartsWith("-ERR unknown command")));
}

TEST_F(NodeLiveTest, WritesAllCallsOfARoundAtOnce) {
  const RedisServer server;
  LiveNode node(loop_, OptionsFor(server.endpoint()));
  ASSERT_TRUE(node.WaitFor(NodeState::kReady));
  const auto before = node.counters().writes;
  loop_.Run([&] {
    for (int i = 0; i < 512; ++i) node.node().Send(CommandList("INCR", "n"), {}, node.Keep());
  });
  const std::vector<Told> told = node.Take(512);
  for (int i = 0; i < 512; ++i)
    EXPECT_THAT(told[static_cast<std::size_t>(i)].replies, ElementsAre(std::to_string(i + 1)));
  EXPECT_EQ(node.counters().writes, before + 1);
}

TEST_F(NodeLiveTest, GreetsWithUserNameAndDatabase) {
  const RedisServer server({.acl = {"default off", "app on >s,cr:et ~* +@all"}});
  NodeOptions options = OptionsFor(server.endpoint());
  options.greeting = {
      .user = "app", .password = "s,cr:et", .client_name = "itemgate", .database = 5};
  LiveNode node(loop_, options);
  ASSERT_TRUE(node.WaitFor(NodeState::kReady));
  const Told told = node.Call(CommandList("CLIENT", "INFO"));
  EXPECT_THAT(told.replies.at(0), HasSubstr("name=itemgate"));
  EXPECT_THAT(told.replies.at(0), HasSubstr("db=5"));
  EXPECT_THAT(told.replies.at(0), HasSubstr("user=app"));
}

TEST_F(NodeLiveTest, GetsOnWithAUserThatMayDoLittle) {
  const RedisServer server({.acl = {"default off", "few on >secret ~lock:* +set"}});
  NodeOptions options = OptionsFor(server.endpoint());
  options.greeting = {.user = "few", .password = "secret", .client_name = "itemgate"};
  LiveNode node(loop_, options);
  ASSERT_TRUE(node.WaitFor(NodeState::kReady));
  EXPECT_THAT(node.Call(CommandList("SET", "lock:a", "1")).replies, ElementsAre("OK"));
  EXPECT_THAT(node.Call(CommandList("SET", "other", "1")).replies,
              ElementsAre(StartsWith("-NOPERM")));
}

TEST_F(NodeLiveTest, SaysWhatToDoAboutAWrongOrMissingPassword) {
  const RedisServer server({.password = "right"});
  NodeOptions options = OptionsFor(server.endpoint());
  LiveNode without(loop_, options);
  EXPECT_THAT(without.WaitForFailure(), HasSubstr("add password="));
  options.greeting.password = "wrong";
  LiveNode wrong(loop_, options);
  EXPECT_THAT(wrong.WaitForFailure(), HasSubstr("user or password are wrong"));
  options.greeting.password = "right";
  LiveNode right(loop_, options);
  EXPECT_TRUE(right.WaitFor(NodeState::kReady));
}

TEST_F(NodeLiveTest, ADeadPortFailsAtOnceAndQueuedCallsAtTheirDeadline) {
  const DeadPort dead;
  LiveNode node(loop_, OptionsFor(dead.endpoint()));
  EXPECT_THAT(node.WaitForFailure(), HasSubstr("refused"));
  const Told at_once = node.Call(CommandList("PING"));
  EXPECT_EQ(at_once.failure, FailureKind::kDisconnected);
  EXPECT_FALSE(at_once.may_have_run);
  EXPECT_THAT(at_once.message, HasSubstr(dead.endpoint().ToString()));
  const Told queued = node.Call(CommandList("PING"), {.timeout = milliseconds(100),
                                                      .when_down = CallOptions::WhenDown::kWait});
  EXPECT_EQ(queued.failure, FailureKind::kDisconnected);
}

TEST_F(NodeLiveTest, WhatIsSentWhenARefusalIsToldIsRefusedAsWell) {
  std::unique_ptr<Node> node;  // not started: no later event tells what was forgotten
  std::promise<FailureKind> second;
  loop_.Run([&] {
    node = *Node::Make(loop_.context(), OptionsFor({.host = "127.0.0.1", .port = 1}));
    node->Send(CommandList("PING"), {}, [&](const Answer&) {
      node->Send(CommandList("PING"), {},
                 [&](const Answer& answer) { second.set_value(answer.failure->kind); });
    });
  });
  auto told = second.get_future();
  const bool is_told = told.wait_for(seconds(30)) == std::future_status::ready;
  loop_.Run([&] { node.reset(); });
  ASSERT_TRUE(is_told);
  EXPECT_EQ(told.get(), FailureKind::kStopped);
}

TEST_F(NodeLiveTest, ABlackHoleIsNoConnection) {
  const BlackHole hole;
  NodeOptions options = OptionsFor(hole.endpoint());
  options.connect_timeout = milliseconds(100);
  LiveNode node(loop_, options);
  EXPECT_THAT(node.WaitForFailure(), HasSubstr("no answer within 100ms"));
  EXPECT_EQ(node.Call(CommandList("PING")).failure, FailureKind::kDisconnected);
}

TEST_F(NodeLiveTest, FindsTheServerByName) {
  const RedisServer server;
  LiveNode node(loop_, OptionsFor({.host = "localhost", .port = server.port()}));
  EXPECT_TRUE(node.WaitFor(NodeState::kReady));
  LiveNode nowhere(loop_, OptionsFor({.host = "no-such-host.invalid", .port = server.port()}));
  EXPECT_THAT(nowhere.WaitForFailure(), HasSubstr("no-such-host.invalid"));
}

/// Counts the attempts to connect.
class Attempts final : public NodeListener {
 public:
  void NodeChanged(NodeState state, const Failure* /*why*/) override {
    if (state == NodeState::kConnecting) ++begun;
    is_ready = state == NodeState::kReady;
  }
  void ErrorReplied(FailureKind /*kind*/, std::string_view /*text*/) override {}

  int begun = 0;
  bool is_ready = false;
};

// Nodes share the thread that looks names up: whoever waits for it again and again must not fill its queue.
TEST_F(NodeLiveTest, LooksAHostUpOnceThoughAttemptsExpireMeanwhile) {
  const RedisServer server;
  ManualClock clock;
  ManualExecutor resolver(clock);
  NodeOptions options = OptionsFor({.host = "localhost", .port = server.port()});
  options.connect_timeout = options.back_off_min = options.back_off_max = milliseconds(5);
  Attempts attempts;
  std::unique_ptr<Node> node;
  loop_.Run([&] {
    const NodeContext context = loop_.context();
    node = *Node::Make({.loop = context.loop, .clock = context.clock, .resolver = resolver},
                       options, &attempts);
    node->Start();
  });
  EXPECT_TRUE(Eventually([&] { return loop_.Run([&] { return attempts.begun > 10; }); }));
  EXPECT_EQ(loop_.Run([&] { return resolver.posted_count(); }), 1U);
  // Its result is for the attempt that is made then, or for the next one.
  EXPECT_TRUE(
      Eventually([&] { return loop_.Run([&] { return resolver.RunOne(), attempts.is_ready; }); }));
  loop_.Run([&] {
    node.reset();
    resolver.RunUntilIdle();
  });
}

/// Nobody listens at the first.
Result<std::vector<SocketAddress>> TwoAddresses(const Endpoint& endpoint) {
  return std::vector{*Resolve({.host = "127.0.0.2", .port = endpoint.port}),
                     *Resolve({.host = "127.0.0.1", .port = endpoint.port})};
}

TEST_F(NodeLiveTest, TriesAllAddressesOfAHost) {
  const RedisServer server;
  Attempts attempts;
  std::unique_ptr<Node> node;
  loop_.Run([&] {
    NodeContext context = loop_.context();
    context.look_up = &TwoAddresses;
    node = *Node::Make(context, OptionsFor({.host = "twice", .port = server.port()}), &attempts);
    node->Start();
  });
  EXPECT_TRUE(Eventually([&] { return loop_.Run([&] { return attempts.is_ready; }); }));
  EXPECT_EQ(attempts.begun, 2);
  loop_.Run([&] { node.reset(); });
}

TEST_F(NodeLiveTest, OfAGroupAllAddressesOfAHostAreTriedBeforeTheNextHost) {
  const RedisServer server;
  const DeadPort dead;
  const ConnectionSettings settings{
      .endpoints = {{.host = "twice", .port = server.port()}, dead.endpoint()},
      .node = OptionsFor({})};
  std::unique_ptr<Primary> primary;
  loop_.Run([&] {
    NodeContext context = loop_.context();
    context.look_up = &TwoAddresses;
    primary = *Primary::Open(context, settings);
    primary->Start();
  });
  EXPECT_TRUE(Eventually([&] { return loop_.Run([&] { return primary->is_connected(); }); }));
  loop_.Run([&] { primary.reset(); });
}

TEST_F(NodeLiveTest, ComesBackAfterAKillAndSendsWhatWaited) {
  RedisServer server;
  LiveNode node(loop_, OptionsFor(server.endpoint()));
  ASSERT_TRUE(node.WaitFor(NodeState::kReady));
  server.Run({"CLIENT", "PAUSE", "60000"});
  loop_.Run([&] {
    node.node().Send(CommandList("SET", "a", "in flight"), {}, node.Keep());
    node.node().Send(CommandList("PING"), {.when_down = CallOptions::WhenDown::kWait}, node.Keep());
    node.node().Flush();  // else the kill may come first, and they were never sent
  });
  server.Kill();
  for (const Told& told : node.Take(2)) {
    EXPECT_EQ(told.failure, FailureKind::kConnectionLost);
    EXPECT_TRUE(told.may_have_run);
  }
  node.Send(CommandList("SET", "a", "queued"), {.when_down = CallOptions::WhenDown::kWait});
  server.Restart();
  EXPECT_THAT(node.Take(1).at(0).replies, ElementsAre("OK"));
  EXPECT_EQ(server.Run({"GET", "a"}), "queued");
  EXPECT_EQ(node.counters().connections, 2u);
}

TEST_F(NodeLiveTest, AStoppedServerOpensTheCircuitAndALateReplyClosesIt) {
  RedisServer server;
  NodeOptions options = OptionsFor(server.endpoint());
  options.timeouts_to_open = 2;
  LiveNode node(loop_, options);
  ASSERT_TRUE(node.WaitFor(NodeState::kReady));
  server.Pause();
  const CallOptions tell{.timeout = milliseconds(50), .late = CallOptions::Late::kTell};
  node.Send(CommandList("SET", "a", "1", "NX"), tell);
  node.Send(CommandList("SET", "b", "1", "NX"), {.timeout = milliseconds(50)});
  for (const Told& told : node.Take(2)) {
    EXPECT_EQ(told.failure, FailureKind::kTimeout);
    EXPECT_TRUE(told.may_have_run);
  }
  ASSERT_TRUE(node.WaitFor(NodeState::kUnresponsive));
  EXPECT_EQ(node.Call(CommandList("PING")).failure, FailureKind::kUnresponsive);
  node.Send(CommandList("DEL", "a"),
            {.when_unresponsive = CallOptions::WhenUnresponsive::kSendAnyway});
  server.Resume();
  const std::vector<Told> told = node.Take(2);
  EXPECT_TRUE(told[0].ok && told[0].late);
  EXPECT_THAT(told[0].replies, ElementsAre("OK"));
  EXPECT_THAT(told[1].replies, ElementsAre("1"));
  EXPECT_TRUE(node.WaitFor(NodeState::kReady));
  EXPECT_EQ(node.counters().connections, 1u);
}

TEST_F(NodeLiveTest, GivesUpAConnectionThatAnswersNoPing) {
  RedisServer server;
  NodeOptions options = OptionsFor(server.endpoint());
  options.connect_timeout = options.ping_after = options.ping_timeout = milliseconds(50);
  LiveNode node(loop_, options);
  ASSERT_TRUE(node.WaitFor(NodeState::kReady));
  server.Pause();
  EXPECT_THAT(node.WaitForFailure(), HasSubstr("no answer to PING"));
  server.Resume();
  EXPECT_TRUE(node.WaitFor(NodeState::kReady));
}

TEST_F(NodeLiveTest, ScriptsSurviveAFlushedCache) {
  const RedisServer server;
  LiveNode node(loop_, OptionsFor(server.endpoint()));
  ASSERT_TRUE(node.WaitFor(NodeState::kReady));
  const Script script("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  const auto evaluate = [&](int times) {
    loop_.Run([&] {
      const std::array<std::string_view, 1> keys{"n"};
      const std::array<std::string_view, 1> arguments{"2"};
      for (int i = 0; i < times; ++i) node.node().Eval(script, {keys, arguments}, {}, node.Keep());
    });
    return node.Take(static_cast<std::size_t>(times)).back().replies;
  };
  EXPECT_THAT(evaluate(3), ElementsAre("6"));
  EXPECT_THAT(server.Run({"INFO", "commandstats"}), HasSubstr("cmdstat_evalsha:calls=2,"));
  server.Run({"SCRIPT", "FLUSH"});
  EXPECT_THAT(evaluate(5), ElementsAre("16"));
  EXPECT_EQ(node.counters().scripts_resent, 5u);
  EXPECT_THAT(evaluate(1), ElementsAre("18"));
  EXPECT_EQ(node.counters().scripts_resent, 5u);
}

TEST_F(NodeLiveTest, ErrorsOfTheNodeAreReplies) {
  const RedisServer primary;
  const RedisServer replica({.lines = {"replicaof 127.0.0.1 " + std::to_string(primary.port())}});
  const RedisServer full({.lines = {"maxmemory 1", "maxmemory-policy noeviction"}});
  LiveNode reader(loop_, OptionsFor(replica.endpoint()));
  ASSERT_TRUE(reader.WaitFor(NodeState::kReady));
  const Told read_only = reader.Call(CommandList("SET", "a", "1"));
  EXPECT_TRUE(read_only.ok);
  EXPECT_THAT(read_only.replies, ElementsAre(StartsWith("-READONLY")));
  LiveNode writer(loop_, OptionsFor(full.endpoint()));
  ASSERT_TRUE(writer.WaitFor(NodeState::kReady));
  EXPECT_THAT(writer.Call(CommandList("SET", "a", "1")).replies, ElementsAre(StartsWith("-OOM")));
}

}  // namespace
}  // namespace itemgate::redis
