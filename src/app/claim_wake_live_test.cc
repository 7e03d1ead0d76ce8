#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "core/claimed_saves.h"
#include "net/thread_executor.h"
#include "testing/insertions.h"
#include "testing/live_database.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;

/// A backend that keeps one content until the test lets it go.
class KeepingBackend final : public ItemBackend {
 public:
  void SaveItem(const BackendItem&, SaveDone done) override {
    ++sent_count;
    kept.set_value(std::move(done));
  }
  void FindItemsWithContent(const ContentKey&, std::string_view, FindDone done) override {
    done(0);
  }
  std::atomic<int> sent_count =
      0;  // read by the test while a server may still send: relaxed would do
  std::promise<SaveDone> kept;
};

class TestServer {
 public:
  TestServer(const std::string& url, std::uint64_t seed, Duration poll, ItemBackend& backend)
      : store_(*PostgresStore::Open(
            clock_, {.url = url, .seed = seed, .poll_interval = 10ms, .hears_hints = true})),
        saves_({.claims = store_->claims(),
                .backend = backend,
                .executor = executor_,
                .clock = clock_},
               {.seed = seed, .lease = 1h, .poll_min = poll, .poll_max = poll}) {}
  ~TestServer() { executor_.Stop(); }

  std::future<Result<void>> Save(Insertion& insertion) {
    auto told =
        std::make_shared<std::promise<Result<void>>>();  // by the save, which outlives this call
    saves_.Save(insertion, [told](Result<void> saved) { told->set_value(std::move(saved)); });
    return told->get_future();
  }

 private:
  SystemClock clock_;
  ThreadExecutor executor_{"test", 1};
  const std::unique_ptr<PostgresStore> store_;
  ClaimedSaves saves_;
};

class ClaimWakeLiveTest : public testing::Test {
 protected:
  /// One server sends a content that another one waits for.
  void SendAndWait(TestServer& sender, TestServer& waiter) {
    Insertion first = InsertionOf("content");
    Insertion second = InsertionOf("content");
    auto first_saved = sender.Save(first);
    auto let_go = backend_.kept.get_future().get();
    auto second_saved = waiter.Save(second);
    EXPECT_EQ(second_saved.wait_for(500ms), std::future_status::timeout);
    let_go({});
    EXPECT_TRUE(first_saved.get());
    ASSERT_EQ(second_saved.wait_for(30s), std::future_status::ready);
    EXPECT_TRUE(second_saved.get());
    EXPECT_TRUE(first.created);
    EXPECT_FALSE(second.created);
    EXPECT_EQ(second.id, first.id);
    EXPECT_EQ(backend_.sent_count, 1);
  }

  const std::string url_ = NewMigratedDatabase();
  KeepingBackend backend_;
};

TEST_F(ClaimWakeLiveTest, WhoWaitsForAnotherServerIsAnsweredLongBeforeItLooksAgain) {
  TestServer sender(url_, 1, 1h, backend_);
  TestServer waiter(url_, 2, 1h, backend_);
  while (Server().Query(DatabaseOf(url_),
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                        "current_database() AND query LIKE 'LISTEN%'") != "2") {
  }
  SendAndWait(sender, waiter);
}

TEST_F(ClaimWakeLiveTest, BehindAPoolerThatPassesNoNotificationsOnItLooksAgain) {
  const PgBouncer pooler(Server());
  const std::string pooled = pooler.UrlOf(DatabaseOf(url_));
  TestServer sender(pooled, 1, 20ms, backend_);
  TestServer waiter(pooled, 2, 20ms, backend_);
  SendAndWait(sender, waiter);
}

}  // namespace
}  // namespace itemgate
