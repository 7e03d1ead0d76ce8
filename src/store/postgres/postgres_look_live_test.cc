#include <signal.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "postgres/session.h"
#include "testing/eventually.h"
#include "testing/insertions.h"
#include "testing/live_database.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;

/// What only looks, and loses its answer: it changes nothing, so nobody need be told that something is unknown.
class PostgresLookLiveTest : public testing::Test {
 protected:
  /// Gets the item, while somebody has the lock of the table; `disturb` is told the process that waits for it.
  Result<Item> GetDisturbed(PostgresStore& store, const std::function<void(int pid)>& disturb) {
    auto in_the_way = postgres::Session::Open(url_, 5s);
    EXPECT_TRUE(in_the_way->Run("BEGIN; LOCK TABLE itemgate.item"));
    std::optional<Result<Item>> item;
    std::jthread looking([&] { item = store.Get(ItemId{1}); });
    std::string waiting;
    EXPECT_TRUE(Eventually([&] {
      waiting = Server().Query(DatabaseOf(url_),
                               "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      return !waiting.empty();
    }));
    disturb(std::stoi(waiting));
    (void)in_the_way->Run("COMMIT");  // unless it is gone
    looking.join();
    return *item;
  }

  const std::string url_ = NewMigratedDatabase();
  SystemClock clock_;
};

TEST_F(PostgresLookLiveTest, ItIsTriedAgainWhenNoAnswerComes) {
  const auto store = PostgresStore::Open(clock_, {.url = url_, .timeout = 6s, .poll_interval = 1h});
  InsertOne(**store, "a");
  int stopped = 0;
  const auto item = GetDisturbed(**store, [&](int pid) {
    stopped = pid;
    EXPECT_EQ(kill(pid, SIGSTOP), 0);
  });
  EXPECT_EQ(kill(stopped, SIGCONT), 0);
  EXPECT_TRUE(item) << item.error().message;
}

// A process that is ended at once says something that sounds like doubt about a commit.
TEST_F(PostgresLookLiveTest, AnImmediateShutdownLeavesNoDoubt) {
  const auto store = OpenStore(clock_, url_);
  InsertOne(*store, "a");
  const auto item = GetDisturbed(*store, [](int pid) { EXPECT_EQ(kill(pid, SIGQUIT), 0); });
  if (!item) {
    EXPECT_EQ(item.error().code, ErrorCode::kUnavailable) << item.error().message;
  }
  while (!store->Get(ItemId{1})) {  // it recovers
  }
}

TEST_F(PostgresLookLiveTest, ADatabaseThatStandsStillLeavesNoDoubtAboutAClaim) {
  const auto store = PostgresStore::Open(clock_, {.url = url_, .timeout = 1s});
  InsertOne(**store, "a");
  Server().Pause();
  std::promise<Result<ClaimState>> told;
  (*store)->claims().Look(InsertionOf("b").key,
                          [&](Result<ClaimState> state) { told.set_value(std::move(state)); });
  const Result<ClaimState> state = told.get_future().get();
  Server().Resume();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kUnavailable) << state.error().message;
}

}  // namespace
}  // namespace itemgate
