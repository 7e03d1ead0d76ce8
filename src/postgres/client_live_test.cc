#include <atomic>
#include <fstream>
#include <future>
#include <memory>
#include <string>

#include <gmock/gmock.h>

#include "base/mutex.h"
#include "net/tcp.h"
#include "postgres/client.h"
#include "postgres/session.h"
#include "testing/postgres_server.h"

namespace itemgate::postgres {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Duration kPatience = 60s;  // a hang is a failure, on however busy a machine

constexpr Sql kEcho{.name = "echo", .text = "SELECT $1::bigint + 1, $2::bytea"};
constexpr Sql kInsert{.name = "", .text = "INSERT INTO t VALUES ($1::bigint)"};
constexpr Sql kCount{.name = "", .text = "SELECT count(*) FROM t"};
constexpr Sql kWaitForTurn{.name = "", .text = "SELECT pg_advisory_xact_lock(1)::text"};
constexpr Sql kSleep{.name = "", .text = "SELECT pg_sleep(600)::text"};

Statement Of(const Sql& sql) { return {.sql = &sql}; }

Statement Insert(std::int64_t value) {
  Statement statement{.sql = &kInsert};
  statement.parameters.Add(value);
  return statement;
}

class ClientLiveTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<PostgresServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  ClientLiveTest() : url_(server_->NewDatabase()) {
    server_->Query(database(), "CREATE TABLE t (value bigint PRIMARY KEY)");
  }

  [[nodiscard]] std::string database() const { return url_.substr(url_.rfind('/') + 1); }

  std::unique_ptr<Client> Connect(PoolOptions options = {}) {
    options.connection.url = url_;
    return Client::Make(clock_, std::move(options)).value();
  }

  std::int64_t CountOf(Client& client) {
    const Answer answer = client.Call({Of(kCount)}, kPatience, IfUnreachable::kWait);
    EXPECT_TRUE(answer) << answer.error().error.message;
    return answer ? answer->front().Integer(0, 0) : -1;
  }

  /// Waits until so many sessions of the test's database run that statement.
  void AwaitSessions(const std::string& statement, int count) {
    const std::string query = "SELECT count(*) FROM pg_stat_activity WHERE datname = '" +
                              database() + "' AND state = 'active' AND query LIKE '" + statement +
                              "%'";
    while (server_->Query("postgres", query) != std::to_string(count)) {
    }
  }

  /// The URL with another host before its own: one that takes connections and never says anything.
  [[nodiscard]] std::string BehindASilentHost() const {
    std::string url = url_;
    return url.insert(url.find('@') + 1, LocalAddress(silent_.get())->ToString() + ",");
  }
  /// How often it was tried to connect with that one.
  [[nodiscard]] int CountSilences() const {
    int count = 0;
    while (AcceptTcp(silent_.get())) ++count;
    return count;
  }

  static inline std::unique_ptr<PostgresServer> server_;
  const Descriptor silent_ =
      ListenTcp(ResolveNumeric({.host = "127.0.0.1", .port = 0}).value(), SharePort::kNo).value();
  SystemClock clock_;
  std::string url_;
};

TEST_F(ClientLiveTest, CarriesEveryByteBothWays) {
  PoolOptions options;
  options.connection.prepared = {&kEcho};
  const auto client = Connect(options);
  std::string bytes("\0\xff\n", 3);
  bytes.append(3 << 20, 'x');
  for (int round = 0; round < 2; ++round) {  // prepared, and prepared again
    Statement echo{.sql = &kEcho};
    echo.parameters.Add(std::int64_t{41}).Add(bytes);
    const Answer answer = client->Call({echo}, kPatience);
    ASSERT_TRUE(answer) << answer.error().error.message;
    EXPECT_EQ(answer->front().Integer(0, 0), 42);
    EXPECT_EQ(answer->front().Bytes(0, 1), bytes);
  }
}

TEST_F(ClientLiveTest, ACommandHappensWholeOrNotAtAll) {
  const auto client = Connect();
  const Answer refused = client->Call({Insert(1), Insert(2), Insert(1)}, kPatience);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fate, Fate::kLostRace);
  EXPECT_THAT(refused.error().error.message, HasSubstr("23505"));
  EXPECT_EQ(CountOf(*client), 0);
  EXPECT_EQ(client->Call({Insert(1), Insert(2)}, kPatience)->back().affected(), 1U);
  EXPECT_EQ(CountOf(*client), 2);
}

TEST_F(ClientLiveTest, OneRefusedCommandLeavesThoseAroundItAlone) {
  PoolOptions options;
  options.connections_max = 1;
  const auto client = Connect(options);
  std::vector<std::promise<bool>> promises(30);
  for (std::size_t i = 0; i < promises.size(); ++i) {
    const auto value = static_cast<std::int64_t>(i % 3 == 0 ? 0 : i);  // 0 comes ten times
    client->Run({.statements = {Insert(value)},
                 .deadline = clock_.Now() + kPatience,
                 .done = [&promises, i](const Answer& answer) {
                   promises[i].set_value(answer.has_value());
                 }});
  }
  for (std::size_t i = 0; i < promises.size(); ++i)
    EXPECT_EQ(promises[i].get_future().get(), i % 3 != 0 || i == 0) << i;
  EXPECT_EQ(CountOf(*client), 21);
}

TEST_F(ClientLiveTest, SaysWhyItCannotConnect) {
  url_ = server_->UrlOf("absent");
  const auto client = Connect();
  const Answer answer = client->Call({Of(kCount)}, kPatience);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fate, Fate::kNotSent);
  EXPECT_EQ(answer.error().error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().error.message, HasSubstr("database \"absent\" does not exist"));
  EXPECT_THAT(answer.error().error.message, HasSubstr("createdb"));
  EXPECT_FALSE(client->is_reachable());
}

TEST_F(ClientLiveTest, ASessionSaysWhyItCannotConnectAndWhatToDo) {
  const auto absent = Session::Open(server_->UrlOf("absent"), kPatience);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(absent.error().message,
              HasSubstr("database \"absent\" does not exist [3D000]; create"));
  const auto nobody = Session::Open(
      "postgres://nobody@127.0.0.1:" + std::to_string(server_->port()) + "/postgres", kPatience);
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().message, HasSubstr("[28000]; check user and password"));
  auto session = Session::Open(url_, kPatience);
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(session->Run("SELECT 1"), "1");
}

TEST_F(ClientLiveTest, ASessionGivesAServerThatStandsStillUp) {
  server_->Pause();
  const auto session = Session::Open(url_, 100ms);
  server_->Resume();
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::kUnavailable);
}

TEST_F(ClientLiveTest, ASessionPassesAHostThatSaysNothing) {
  auto session = Session::Open(BehindASilentHost(), 1s);
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(session->Run("SELECT 1"), "1");
}

TEST_F(ClientLiveTest, PassesAHostThatSaysNothingAndRemembersIt) {
  url_ = BehindASilentHost();
  PoolOptions options;
  options.connection.connect_timeout = 1s;
  const auto client = Connect(options);
  EXPECT_EQ(CountOf(*client), 0);
  server_->Query("postgres",
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname "
                 "= '" +
                     database() + "'");
  while (!client->Call({Of(kCount)}, kPatience, IfUnreachable::kWait)) {
  }
  EXPECT_EQ(CountSilences(), 1);
}

TEST_F(ClientLiveTest, RefusesWhatIsNoUrl) {
  url_ = "postgres://[nonsense";
  const auto client = Client::Make(clock_, {.connection = {.url = url_}});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(ClientLiveTest, ADeadlineEndsTheConnectionAndNobodyKnows) {
  const auto client = Connect();
  EXPECT_EQ(CountOf(*client), 0);
  const Answer answer = client->Call({Of(kSleep)}, 100ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fate, Fate::kUnknown);
  EXPECT_EQ(answer.error().error.code, ErrorCode::kUnknown);
  EXPECT_EQ(CountOf(*client), 0);  // over another connection
}

TEST_F(ClientLiveTest, WhatIsLongIsNotEndedByTheDeadlinesOfOthers) {
  PoolOptions options;
  options.connections_max = 2;
  const auto client = Connect(options);
  std::promise<bool> first, second;
  const auto run_long = [&](std::promise<bool>& ended) {
    client->Run({.statements = {Of(kWaitForTurn)},
                 .deadline = clock_.Now() + kPatience,
                 .is_long = true,
                 .done = [&ended](const Answer& answer) { ended.set_value(answer.has_value()); }});
  };
  auto turn = Session::Open(url_, kPatience);
  ASSERT_TRUE(turn && turn->Run("SELECT pg_advisory_lock(1)"));
  run_long(first);
  run_long(second);
  // The other connection is theirs, however many long ones wait, and they get their answers in time.
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(client->Call({Of(kCount)}, kPatience));
  const Answer late = client->Call({Of(kSleep)}, 100ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().fate, Fate::kUnknown);
  AwaitSessions("SELECT pg_advisory_xact_lock", 1);
  ASSERT_TRUE(turn->Run("SELECT pg_advisory_unlock(1)"));
  EXPECT_TRUE(first.get_future().get());
  EXPECT_TRUE(second.get_future().get());
}

TEST_F(ClientLiveTest, WhatIsUrgentWaitsBehindNothingElse) {
  PoolOptions options;
  options.connections_max = 1;
  options.pipelined_max = 1;
  options.queued_max = 1;
  const auto client = Connect(options);
  const auto run = [&](const Sql& sql, bool is_urgent, std::promise<bool>* answered) {
    client->Run({.statements = {Of(sql)},
                 .deadline = clock_.Now() + kPatience,
                 .is_urgent = is_urgent,
                 .done = [answered](const Answer& answer) {
                   if (answered != nullptr) answered->set_value(answer.has_value());
                 }});
  };
  run(kSleep, /*is_urgent=*/false, nullptr);
  AwaitSessions("SELECT pg_sleep", 1);
  run(kCount, /*is_urgent=*/false, nullptr);  // and no more may wait
  std::promise<bool> answered;
  run(kCount, /*is_urgent=*/true, &answered);
  EXPECT_TRUE(answered.get_future().get());
}

TEST_F(ClientLiveTest, OpensNoMoreConnectionsThanItMay) {
  PoolOptions options;
  options.connections_max = 3;
  options.pipelined_max = 1;
  options.queued_max = 5;
  const auto client = Connect(options);
  std::atomic<int> refused = 0;
  for (int i = 0; i < 20; ++i) {
    client->Run({.statements = {Of(kSleep)},
                 .deadline = clock_.Now() + kPatience,
                 .done = [&refused](const Answer& answer) {
                   if (answer.error().fate == Fate::kNotSent) ++refused;
                 }});
  }
  AwaitSessions("SELECT pg_sleep", 3);
  EXPECT_GE(refused, 20 - 3 - 5);  // more, if the first connection took its time
}

TEST_F(ClientLiveTest, BacksOffFromGrowingWhileOneConnectionStands) {
  PoolOptions options;
  options.pipelined_max = 1;
  const auto client = Connect(options);
  EXPECT_EQ(CountOf(*client), 0);
  server_->Query("postgres", "ALTER DATABASE " + database() + " ALLOW_CONNECTIONS false");
  static constexpr Sql kSecond{.name = "", .text = "SELECT pg_sleep(1)::text"};
  std::promise<void> ended;
  client->Run({.statements = {Of(kSecond)},
               .deadline = clock_.Now() + kPatience,
               .done = [](const Answer&) {}});
  client->Run({.statements = {Of(kSecond)},
               .deadline = clock_.Now() + kPatience,
               .done = [&](const Answer&) { ended.set_value(); }});
  ended.get_future().wait();
  std::ifstream log(server_->folder() + "/server.log");
  int attempts = 0;
  for (std::string line; std::getline(log, line);) {
    if (line.contains("\"" + database() + "\" is not currently accepting")) ++attempts;
  }
  EXPECT_GE(attempts, 1);
  EXPECT_LE(attempts, 15);  // one each 20 ms without
}

TEST_F(ClientLiveTest, ComesBackAfterTheServerWasKilled) {
  const auto client = Connect();
  EXPECT_TRUE(client->Call({Insert(1)}, kPatience));
  server_->Kill();
  Answer down = client->Call({Insert(2)}, kPatience);
  while (down || down.error().fate == Fate::kUnknown) down = client->Call({Insert(2)}, kPatience);
  EXPECT_EQ(down.error().error.code, ErrorCode::kUnavailable);
  EXPECT_FALSE(client->is_reachable());

  // Who waits for it is served when it is back.
  std::promise<bool> waited;
  client->Run({.statements = {Insert(3)},
               .deadline = clock_.Now() + kPatience,
               .if_unreachable = IfUnreachable::kWait,
               .done = [&](const Answer& answer) { waited.set_value(answer.has_value()); }});
  server_->Start();
  EXPECT_TRUE(waited.get_future().get());
  EXPECT_TRUE(client->is_reachable());
  EXPECT_EQ(CountOf(*client), 2);
}

TEST_F(ClientLiveTest, AServerThatStandsStillCostsNoMoreThanTheDeadline) {
  const auto client = Connect();
  EXPECT_EQ(CountOf(*client), 0);
  server_->Pause();
  const Answer answer = client->Call({Insert(1)}, 200ms);
  server_->Resume();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fate, Fate::kUnknown);
  EXPECT_LE(CountOf(*client), 1);
}

TEST_F(ClientLiveTest, HearsNotificationsAlsoAfterAReconnection) {
  Mutex mutex;
  ConditionVariable changed;
  int listening = 0;
  std::vector<std::string> heard;
  PoolOptions options;
  options.connection.channels = {"news"};
  options.on_notified = [&](std::string_view channel, std::string_view payload) {
    const MutexLock lock(mutex);
    if (channel.empty())
      ++listening;
    else
      heard.push_back(std::string(channel) + ":" + std::string(payload));
    changed.NotifyAll();
  };
  const auto client = Connect(options);
  for (int round = 1; round <= 2; ++round) {
    {
      const MutexLock lock(mutex);
      while (listening < round) changed.Wait(mutex);
    }
    server_->Query(database(), "NOTIFY news, 'round " + std::to_string(round) + "'");
    {
      const MutexLock lock(mutex);
      while (heard.size() < static_cast<std::size_t>(round)) changed.Wait(mutex);
      EXPECT_EQ(heard.back(), "news:round " + std::to_string(round));
    }
    if (round == 1) server_->Restart();
  }
}

TEST_F(ClientLiveTest, ClosingAnswersEverybody) {
  auto client = Connect();
  std::promise<Fate> fate;
  client->Run({.statements = {Of(kSleep)},
               .deadline = clock_.Now() + kPatience,
               .done = [&](const Answer& answer) { fate.set_value(answer.error().fate); }});
  AwaitSessions("SELECT pg_sleep", 1);
  client.reset();
  EXPECT_EQ(fate.get_future().get(), Fate::kUnknown);
}

}  // namespace
}  // namespace itemgate::postgres
