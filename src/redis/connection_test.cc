// The logic of a connection, without sockets and with a clock that stands still.

#include "redis/connection.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/redis_told.h"

namespace itemgate::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";

class ConnectionTest : public testing::Test, private NodeListener {
 protected:
  /// Connects; the server greets back.
  void BecomeReady() {
    connection_.Start(now_);
    connection_.TransportUp();
    EXPECT_EQ(TakeOutput(), kPing);
    Feed("+PONG\r\n");
    EXPECT_EQ(connection_.state(), NodeState::kReady);
  }
  std::string TakeOutput(std::size_t size_max = std::string::npos) {
    const std::string output(connection_.Output().substr(0, size_max));
    connection_.Sent(output.size());
    return output;
  }
  void Feed(std::string_view bytes) {
    std::ranges::copy(bytes, connection_.Space(bytes.size()).begin());
    connection_.Received(bytes.size(), now_);
  }
  void Send(const CommandList& commands, const CallOptions& options = {}) {
    connection_.Send(commands, options, now_, Keep());
  }
  Callback Keep() {
    return [this](const Answer& answer) { told_.emplace_back(answer); };
  }
  std::vector<Told> Take() { return std::exchange(told_, {}); }
  void Pass(Duration duration) {
    now_ += duration;
    connection_.Tick(now_);
  }
  void NodeChanged(NodeState state, const Failure* /*why*/) override { states_.push_back(state); }
  void ErrorReplied(FailureKind kind, std::string_view /*text*/) override {
    errors_.push_back(kind);
  }

  Instant now_{seconds(1000)};
  NodeOptions options_{.endpoint = {.host = "h", .port = 1}, .seed = 1};
  Connection connection_{options_, this};
  std::vector<Told> told_;
  std::vector<NodeState> states_;
  std::vector<FailureKind> errors_;
};

TEST_F(ConnectionTest, GreetsInOrderAndSendsCallsOnlyThen) {
  options_.greeting = {.user = "u", .password = "p", .client_name = "me", .database = 2};
  connection_.Start(now_);
  Send(CommandList("GET", "a"), {.when_down = CallOptions::WhenDown::kWait});
  connection_.TransportUp();
  CommandList greeting("AUTH", "u", "p");
  greeting.Add("CLIENT", "SETNAME", "me").Add("SELECT", 2).Add("PING");
  EXPECT_EQ(TakeOutput(), greeting.bytes());
  Feed("+OK\r\n-NOPERM no CLIENT\r\n+OK\r\n");
  EXPECT_EQ(TakeOutput(), "");
  Feed("+PONG\r\n");
  EXPECT_EQ(TakeOutput(), CommandList("GET", "a").bytes());
  EXPECT_THAT(states_, ElementsAre(NodeState::kConnecting, NodeState::kReady));
}

TEST_F(ConnectionTest, AnErrorToTheGreetingIsToldWithAdvice) {
  for (const auto& [reply, kind] :
       {std::pair("-NOAUTH Authentication required.\r\n", FailureKind::kNoAuth),
        std::pair("-WRONGPASS invalid\r\n", FailureKind::kWrongPassword),
        std::pair("-LOADING Redis is loading the dataset in memory\r\n", FailureKind::kLoading),
        std::pair("-ERR max number of clients reached\r\n", FailureKind::kTooManyClients),
        std::pair("-MASTERDOWN Link with MASTER is down\r\n", FailureKind::kMasterDown),
        std::pair("\x15\x03\x03", FailureKind::kProtocol)}) {
    connection_.Stop();
    connection_.Start(now_);
    connection_.TransportUp();
    Feed(reply);
    EXPECT_EQ(connection_.state(), NodeState::kWaiting);
    EXPECT_EQ(connection_.last_failure().kind, kind) << reply;
    EXPECT_THAT(connection_.last_failure().message, HasSubstr(std::string(AdviceFor(kind))));
    EXPECT_FALSE(AdviceFor(kind).empty());
  }
}

TEST_F(ConnectionTest, MatchesRepliesInOrderHoweverTheyAreSplit) {
  BecomeReady();
  CommandList two("GET", "b");
  two.Add("GET", "c");
  Send(CommandList("GET", "a"));
  Send(two);
  Send(CommandList("GET", "d"));
  TakeOutput();
  for (const char byte : std::string_view("$1\r\na\r\n$1\r\nb\r\n-ERR no\r\n:4\r\n"))
    Feed({&byte, 1});
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_THAT(told[0].replies, ElementsAre("a"));
  EXPECT_THAT(told[1].replies, ElementsAre("b", "-ERR no"));
  EXPECT_THAT(told[2].replies, ElementsAre("4"));
  EXPECT_EQ(connection_.pending(), 0u);
}

TEST_F(ConnectionTest, ACallbackMaySendAndStop) {
  BecomeReady();
  connection_.Send(CommandList("GET", "a"), {}, now_, [this](const Answer&) {
    Send(CommandList("GET", "next"));
    Send(CommandList("GET", "last"));
  });
  Send(CommandList("GET", "b"));
  connection_.Send(CommandList("GET", "c"), {}, now_,
                   [this](const Answer&) { connection_.Stop(); });
  TakeOutput();
  Feed(":1\r\n:2\r\n:3\r\n:4\r\n");
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_THAT(told[0].replies, ElementsAre("2"));
  EXPECT_EQ(told[1].failure, FailureKind::kStopped);
  EXPECT_EQ(told[2].failure, FailureKind::kStopped);
  EXPECT_FALSE(connection_.wants_transport());
}

TEST_F(ConnectionTest, ALateReplyIsDroppedButKeepsTheOrder) {
  BecomeReady();
  Send(CommandList("SET", "a", "1"), {.timeout = milliseconds(10)});
  Send(CommandList("GET", "b"), {.timeout = milliseconds(100)});
  TakeOutput();
  EXPECT_EQ(connection_.next_tick(), now_ + milliseconds(10));
  Pass(milliseconds(10));
  const std::vector<Told> late = Take();
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].failure, FailureKind::kTimeout);
  EXPECT_TRUE(late[0].may_have_run);
  Feed("+OK\r\n$1\r\nb\r\n");
  EXPECT_THAT(Take().at(0).replies, ElementsAre("b"));
  EXPECT_EQ(connection_.counters().late_answers, 1u);
}

TEST_F(ConnectionTest, ALateReplyIsToldIfAskedFor) {
  BecomeReady();
  Send(CommandList("SET", "a", "1"),
       {.timeout = milliseconds(10), .late = CallOptions::Late::kTell});
  TakeOutput();
  Pass(milliseconds(10));
  EXPECT_EQ(Take().at(0).failure, FailureKind::kTimeout);
  Feed("+OK\r\n");
  const Told late = Take().at(0);
  EXPECT_TRUE(late.ok && late.late);
  EXPECT_THAT(late.replies, ElementsAre("OK"));
}

TEST_F(ConnectionTest, ALateReplyThatNeverComesIsToldAsWell) {
  BecomeReady();
  const CallOptions tell{.timeout = milliseconds(10), .late = CallOptions::Late::kTell};
  Send(CommandList("SET", "a", "1"), tell);
  // This one gives the connection up when it is told of its timeout.
  connection_.Send(CommandList("SET", "b", "1"), tell, now_, [this](const Answer& answer) {
    told_.emplace_back(answer);
    if (!answer.late) connection_.TransportDown({.kind = FailureKind::kConnectionLost}, now_);
  });
  TakeOutput();
  Pass(milliseconds(10));
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 4u);  // a and b time out, then both are lost
  EXPECT_EQ(std::ranges::count(told, FailureKind::kTimeout, &Told::failure), 2);
  EXPECT_EQ(std::ranges::count(told, FailureKind::kConnectionLost, &Told::failure), 2);
  EXPECT_EQ(std::ranges::count(told, true, &Told::late), 2);
}

TEST_F(ConnectionTest, WhatExpiresUnsentIsNeverSent) {
  BecomeReady();
  Send(CommandList("GET", "a"), {.timeout = seconds(1)});
  Send(CommandList("SET", "b", "1"),
       {.timeout = milliseconds(10), .late = CallOptions::Late::kTell});
  Send(CommandList("GET", "c"), {.timeout = seconds(1)});
  const std::string begun = TakeOutput(3);
  Pass(milliseconds(10));
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_FALSE(told[0].may_have_run);
  CommandList left("GET", "a");
  left.Add("GET", "c");
  EXPECT_EQ(begun + TakeOutput(), left.bytes());
  Feed(":1\r\n:3\r\n");
  EXPECT_EQ(Take().size(), 2u);
}

TEST_F(ConnectionTest, ALossFailsWhatWasSentAndKeepsWhatMayWait) {
  BecomeReady();
  const CallOptions wait{.when_down = CallOptions::WhenDown::kWait};
  Send(CommandList("SET", "sent", "1"), wait);
  TakeOutput();
  Send(CommandList("SET", "waits", "1"), wait);
  Send(CommandList("SET", "fails", "1"));
  connection_.TransportDown({.kind = FailureKind::kConnectionLost, .message = "gone"}, now_);
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].failure, FailureKind::kConnectionLost);
  EXPECT_TRUE(told[0].may_have_run);
  EXPECT_EQ(told[1].failure, FailureKind::kDisconnected);
  EXPECT_FALSE(told[1].may_have_run);
  EXPECT_EQ(told[1].message, "h:1: gone");
  Pass(options_.back_off_min);
  connection_.TransportUp();
  TakeOutput();
  Feed("+PONG\r\n");
  EXPECT_EQ(TakeOutput(), CommandList("SET", "waits", "1").bytes());
  Feed("+OK\r\n");
  EXPECT_TRUE(Take().at(0).ok);
}

TEST_F(ConnectionTest, WhileDownACallFailsAtOnceOrAtItsDeadline) {
  connection_.Start(now_);
  connection_.TransportDown({.kind = FailureKind::kUnreachable, .message = "refused"}, now_);
  Send(CommandList("GET", "a"));
  EXPECT_THAT(Take(), IsEmpty());  // never within the call
  connection_.Settle();
  EXPECT_THAT(Take().at(0).message, HasSubstr("refused"));
  Send(CommandList("GET", "b"),
       {.timeout = milliseconds(10), .when_down = CallOptions::WhenDown::kWait});
  connection_.Settle();
  EXPECT_THAT(Take(), IsEmpty());
  Pass(milliseconds(10));
  EXPECT_EQ(Take().at(0).failure, FailureKind::kDisconnected);
}

TEST_F(ConnectionTest, BacksOffLongerEachTimeAndNeverTooLong) {
  connection_.Start(now_);
  Duration longest{};
  for (int attempt = 0; attempt < 12; ++attempt) {
    const std::uint64_t number = connection_.transport_number();
    connection_.TransportDown({.kind = FailureKind::kUnreachable}, now_);
    EXPECT_FALSE(connection_.wants_transport());
    const Duration wait = connection_.next_tick() - now_;
    const Duration expected =
        std::min(options_.back_off_max, options_.back_off_min * (1 << attempt));
    EXPECT_GE(wait, expected / 2);
    EXPECT_LE(wait, expected);
    longest = std::max(longest, wait);
    Pass(wait);
    EXPECT_TRUE(connection_.wants_transport());
    EXPECT_NE(connection_.transport_number(), number);
  }
  EXPECT_GE(longest, options_.back_off_max / 2);
}

TEST_F(ConnectionTest, AnAttemptToConnectTakesItsTimeoutAtMost) {
  connection_.Start(now_);
  connection_.TransportUp();
  Pass(options_.connect_timeout);
  EXPECT_EQ(connection_.state(), NodeState::kWaiting);
  EXPECT_EQ(connection_.last_failure().kind, FailureKind::kUnreachable);
}

TEST_F(ConnectionTest, TheCircuitOpensAfterTimeoutsInARowAndClosesWithAnyByte) {
  options_.timeouts_to_open = 3;
  BecomeReady();
  for (int i = 0; i < 3; ++i) Send(CommandList("GET", "a"), {.timeout = milliseconds(10)});
  TakeOutput();
  Pass(milliseconds(10));
  EXPECT_EQ(Take().size(), 3u);
  EXPECT_EQ(connection_.state(), NodeState::kUnresponsive);
  EXPECT_EQ(TakeOutput(), kPing);
  Send(CommandList("GET", "a"));
  connection_.Settle();
  EXPECT_EQ(Take().at(0).failure, FailureKind::kUnresponsive);
  Send(CommandList("DEL", "a"), {.when_unresponsive = CallOptions::WhenUnresponsive::kSendAnyway});
  EXPECT_EQ(TakeOutput(), CommandList("DEL", "a").bytes());
  Feed("$");
  EXPECT_EQ(connection_.state(), NodeState::kReady);
}

TEST_F(ConnectionTest, PingsAfterSilenceAndGivesUpWithoutAnAnswer) {
  BecomeReady();
  Pass(options_.ping_after);
  EXPECT_EQ(TakeOutput(), kPing);
  Feed("+PONG\r\n");
  Pass(options_.ping_after);
  EXPECT_EQ(TakeOutput(), kPing);
  Pass(options_.ping_timeout - milliseconds(1));
  EXPECT_EQ(connection_.state(), NodeState::kReady);
  Pass(milliseconds(1));
  EXPECT_EQ(connection_.state(), NodeState::kWaiting);
  EXPECT_THAT(connection_.last_failure().message, HasSubstr("PING"));
}

TEST_F(ConnectionTest, ItsQueueIsBounded) {
  options_.calls_max = 2;
  BecomeReady();
  for (int i = 0; i < 3; ++i) Send(CommandList("GET", "a"));
  connection_.Settle();
  EXPECT_EQ(Take().at(0).failure, FailureKind::kQueueFull);
  EXPECT_EQ(connection_.pending(), 2u);
}

TEST_F(ConnectionTest, AReplyThatNobodyAskedForEndsTheConnection) {
  BecomeReady();
  Feed("+OK\r\n");
  EXPECT_EQ(connection_.last_failure().kind, FailureKind::kProtocol);
  EXPECT_EQ(connection_.state(), NodeState::kWaiting);
}

TEST_F(ConnectionTest, SoDoesOneToACommandThatWasNotSentWhole) {
  BecomeReady();
  Send(CommandList("SET", "a", "1"));
  Send(CommandList("SET", "b", "1"));
  TakeOutput(3);
  Feed("+OK\r\n");
  EXPECT_EQ(connection_.last_failure().kind, FailureKind::kProtocol);
  EXPECT_EQ(TakeOutput(), "");
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[0].may_have_run);
  EXPECT_FALSE(told[1].may_have_run);
}

TEST_F(ConnectionTest, TheFirstOfACallMayBeAnsweredBeforeTheLastIsSent) {
  BecomeReady();
  CommandList two("GET", "a");
  const std::size_t first_size = two.bytes().size();
  two.Add("GET", "b");
  Send(two);
  TakeOutput(first_size + 3);
  Feed(":1\r\n");
  EXPECT_EQ(connection_.state(), NodeState::kReady);
  TakeOutput();
  Feed(":2\r\n");
  EXPECT_THAT(Take().at(0).replies, ElementsAre("1", "2"));
}

TEST_F(ConnectionTest, AScriptIsSentOnceAndAgainIfItWasForgotten) {
  BecomeReady();
  const Script script("return ARGV[1]");
  const std::array<std::string_view, 1> keys{"k"};
  const std::array<std::string_view, 1> arguments{"a\r\n"};
  const ScriptInput input{keys, arguments};
  const std::string eval(CommandList("EVAL", script.text(), 1, "k", "a\r\n").bytes());
  const std::string eval_sha(CommandList("EVALSHA", script.sha1(), 1, "k", "a\r\n").bytes());
  connection_.Eval(script, input, {}, now_, Keep());
  connection_.Eval(script, input, {}, now_, Keep());
  EXPECT_EQ(TakeOutput(), eval + eval_sha);
  Send(CommandList("GET", "a"));
  TakeOutput();
  Feed("$3\r\na\r\n\r\n-NOSCRIPT No matching script.\r\n:1\r\n");
  EXPECT_EQ(Take().size(), 2u);
  EXPECT_EQ(TakeOutput(), eval);
  Feed("$3\r\na\r\n\r\n");
  EXPECT_THAT(Take().at(0).replies, ElementsAre("a\r\n"));
  EXPECT_THAT(errors_, IsEmpty());
  connection_.Drop({.kind = FailureKind::kConnectionLost}, now_);
  connection_.Eval(script, input, {.when_down = CallOptions::WhenDown::kWait}, now_, Keep());
  connection_.TransportUp();
  TakeOutput();
  Feed("+PONG\r\n");
  EXPECT_EQ(TakeOutput(), eval);  // the next server may not know it
}

TEST_F(ConnectionTest, ErrorsThatSpeakOfTheNodeAreToldToTheListener) {
  BecomeReady();
  for (int i = 0; i < 3; ++i) Send(CommandList("SET", "a", "1"));
  TakeOutput();
  Feed(
      "-READONLY You can't write against a read only replica.\r\n-ERR syntax error\r\n-OOM command "
      "not allowed\r\n");
  EXPECT_THAT(errors_, ElementsAre(FailureKind::kReadOnly, FailureKind::kOutOfMemory));
  EXPECT_EQ(Take().size(), 3u);
}

// A script that looked at several keys.
TEST_F(ConnectionTest, SoAreThoseWithinAnArray) {
  BecomeReady();
  Send(CommandList("EVALSHA", "digest", 2, "a", "b"));
  TakeOutput();
  Feed("*2\r\n-READONLY You can't write against a read only replica.\r\n:0\r\n");
  EXPECT_THAT(errors_, ElementsAre(FailureKind::kReadOnly));
}

TEST_F(ConnectionTest, LongTrafficNeedsLittleMemory) {
  BecomeReady();
  const std::string value(1000, 'x');
  Send(CommandList("SET", "a", value));
  for (int i = 0; i < 5'000; ++i) {  // always something in flight
    Send(CommandList("SET", "a", value));
    TakeOutput();
    Feed("+OK\r\n");
  }
  EXPECT_EQ(Take().size(), 5'000u);
  EXPECT_EQ(connection_.pending(), 1u);
  EXPECT_EQ(connection_.Output(), "");
}

}  // namespace
}  // namespace itemgate::redis
