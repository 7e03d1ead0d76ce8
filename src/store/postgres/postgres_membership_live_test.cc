#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "postgres/session.h"
#include "testing/insertions.h"
#include "testing/live_database.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;

/// A server with a quick heart.
class TestServer {
 public:
  TestServer(const std::string& url, std::uint64_t seed, std::string name)
      : name_(std::move(name)),
        store_(*PostgresStore::Open(clock_, {.url = url, .seed = seed, .poll_interval = 2ms})) {
    store_->membership().Join([this] {
      return ServerReport{.name = name_,
                          .addresses = {"10.0.0.1:80", "[::1]:80"},
                          .version = "1",
                          .state = state_.load(std::memory_order_relaxed),
                          .created = 7};
    });
  }
  ~TestServer() {
    if (store_) store_->membership().Leave(5s);
  }

  void Kill() { store_.reset(); }
  void Drain() {
    state_.store(ServerState::kDraining, std::memory_order_relaxed);
    store_->membership().Announce(5s);
  }
  [[nodiscard]] Cluster Look() {
    const auto cluster = store_->membership().Look(0s);
    EXPECT_TRUE(cluster) << cluster.error().message;
    return cluster.value_or(Cluster{});
  }
  /// How it sees the other one; looks until `is_so`.
  Member AwaitOther(const std::string& name, auto is_so) {
    while (true) {
      const Cluster cluster = Look();
      const auto by_name = [&](const Member& member) { return member.report.name == name; };
      const auto found = std::ranges::find_if(cluster.members, by_name);
      if (found != cluster.members.end() && is_so(*found)) return *found;
    }
  }
  void AwaitCount(std::size_t count) {
    while (Look().members.size() != count) {
    }
  }
  [[nodiscard]] PostgresStore& store() { return *store_; }

 private:
  const std::string name_;
  std::atomic<ServerState> state_ = ServerState::kServing;  // stands alone: relaxed
  SystemClock clock_;
  std::unique_ptr<PostgresStore> store_;
};

bool IsThere(const Member& member) { return !member.is_gone; }
bool IsGone(const Member& member) { return member.is_gone; }

class PostgresMembershipLiveTest : public testing::Test {
 protected:
  std::string Query(const std::string& sql) { return Server().Query(DatabaseOf(url_), sql); }

  const std::string url_ = NewMigratedDatabase();
};

TEST_F(PostgresMembershipLiveTest, ServersSeeEachOtherAndThemselves) {
  TestServer one(url_, 1, "one");
  TestServer other(url_, 2, "other");
  const Member seen = one.AwaitOther("other", IsThere);
  EXPECT_FALSE(seen.is_self);
  EXPECT_EQ(seen.report.state, ServerState::kServing);
  EXPECT_EQ(seen.report.addresses, (std::vector<std::string>{"10.0.0.1:80", "[::1]:80"}));
  EXPECT_EQ(seen.report.created, 7U);
  EXPECT_EQ(seen.schema_version, kPostgresSchemaVersion);
  EXPECT_EQ(seen.generation, 1);
  EXPECT_TRUE(one.AwaitOther("one", IsThere).is_self);
  EXPECT_EQ(one.Look().schema_version, kPostgresSchemaVersion);
}

TEST_F(PostgresMembershipLiveTest, ThatAServerDrainsIsInTheDatabaseWhenItHasBeenAnnounced) {
  TestServer one(url_, 1, "one");
  one.Drain();
  EXPECT_EQ(Query("SELECT state FROM itemgate.server"), "draining");
}

TEST_F(PostgresMembershipLiveTest, WhoeverLeavesIsSeenNoMore) {
  TestServer one(url_, 1, "one");
  {
    TestServer other(url_, 2, "other");
    one.AwaitCount(2);
  }
  EXPECT_EQ(Query("SELECT name FROM itemgate.server"), "one");
  one.AwaitCount(1);
}

TEST_F(PostgresMembershipLiveTest, WhoeverDiesIsSeenToBeGoneAndRemovedLater) {
  TestServer one(url_, 1, "one");
  TestServer other(url_, 2, "other");
  one.AwaitCount(2);
  other.Kill();
  const Member gone = one.AwaitOther("other", IsGone);
  EXPECT_GE(gone.heartbeat_age, 10ms);
  one.AwaitCount(1);
  EXPECT_EQ(Query("SELECT name FROM itemgate.server"), "one");
}

TEST_F(PostgresMembershipLiveTest, ANameThatIsNoTextIsShownAllTheSame) {
  TestServer one(url_, 1, "caf\xe9\n\x1b[2J");
  while (Query("SELECT count(*) FROM itemgate.server") != "1") {
  }
  EXPECT_EQ(Query("SELECT name FROM itemgate.server"), "caf??\?[2J");
}

TEST_F(PostgresMembershipLiveTest, HeartbeatsAndInsertsDoNotWaitForEachOther) {
  TestServer one(url_, 1, "one");
  one.AwaitCount(1);
  auto locker = postgres::Session::Open(url_, 5s);
  ASSERT_TRUE(locker->Run("BEGIN; SELECT 1 FROM itemgate.store FOR UPDATE"));  // as inserts do
  const std::string before = Query("SELECT heartbeat FROM itemgate.server");
  while (Query("SELECT heartbeat FROM itemgate.server") == before) {
  }
  ASSERT_TRUE(locker->Run("COMMIT; BEGIN; SELECT 1 FROM itemgate.server FOR UPDATE"));
  EXPECT_EQ(InsertOne(one.store(), "a").id, ItemId{1});
  ASSERT_TRUE(locker->Run("COMMIT"));
}

TEST_F(PostgresMembershipLiveTest, AServerOfAnotherVersionIsShownByWhatItsTablesTell) {
  TestServer one(url_, 1, "one");
  Query("INSERT INTO itemgate.server (id, name, heartbeat) VALUES (99, 'old', 3)");
  const Member old = one.AwaitOther("old", IsThere);
  EXPECT_EQ(old.report.state, ServerState::kUnknown);
  EXPECT_EQ(old.schema_version, 1);
}

TEST_F(PostgresMembershipLiveTest, WhoeverOnlyWatchesSeesWhoIsGoneAndIsNotSeen) {
  TestServer one(url_, 1, "one");
  Query("INSERT INTO itemgate.server (id, name, heartbeat) VALUES (99, 'dead', 3)");
  SystemClock clock;
  const auto watcher = OpenStore(clock, url_, 5);
  const auto cluster = watcher->membership().Look(60ms);
  ASSERT_TRUE(cluster) << cluster.error().message;
  ASSERT_EQ(cluster->members.size(), 2U);
  EXPECT_EQ(cluster->members[0].report.name, "dead");
  EXPECT_TRUE(cluster->members[0].is_gone);
}

TEST_F(PostgresMembershipLiveTest, WithoutADatabaseTheLastLookIsShownWithTheReason) {
  const PgBouncer pooler(Server());  // works through one, too
  TestServer one(pooler.UrlOf(DatabaseOf(url_)), 1, "one");
  one.AwaitCount(1);
  Query("ALTER TABLE itemgate.server RENAME TO elsewhere");
  while (one.Look().problem.empty()) {
  }
  EXPECT_EQ(one.Look().members.size(), 1U);
  Query("ALTER TABLE itemgate.elsewhere RENAME TO server");
  while (!one.Look().problem.empty()) {
  }
}

}  // namespace
}  // namespace itemgate
