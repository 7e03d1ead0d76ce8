#include <signal.h>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "base/mutex.h"
#include "postgres/session.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/schema.h"
#include "testing/eventually.h"
#include "testing/insertions.h"
#include "testing/live_database.h"
#include "testing/store_conformance.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class PostgresStoreUnderTest final : public StoreUnderTest {
 public:
  explicit PostgresStoreUnderTest(const std::string& url) : store_(OpenStore(clock_, url)) {}
  ItemStore& store() override { return *store_; }

 private:
  SystemClock clock_;
  std::unique_ptr<PostgresStore> store_;
};

INSTANTIATE_TEST_SUITE_P(
    Postgres, StoreConformance,
    testing::Values(
        StoreMaker{"table",
                   [] { return std::make_unique<PostgresStoreUnderTest>(NewMigratedDatabase()); }},
        StoreMaker{"partitions",
                   [] { return std::make_unique<PostgresStoreUnderTest>(NewMigratedDatabase(4)); }},
        StoreMaker{"pooler",
                   [] {
                     static const PgBouncer pooler(Server());
                     return std::make_unique<PostgresStoreUnderTest>(
                         pooler.UrlOf(DatabaseOf(NewMigratedDatabase())));
                   }}),
    [](const auto& instance) { return instance.param.name; });

class PostgresStoreLiveTest : public testing::Test {
 protected:
  std::string Query(const std::string& sql) { return Server().Query(DatabaseOf(url_), sql); }
  [[nodiscard]] std::uint64_t WalBytes() {
    return std::stoull(Query("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"));
  }

  const std::string url_ = NewMigratedDatabase();
  SystemClock clock_;
};

TEST_F(PostgresStoreLiveTest, RefusesADatabaseThatWasNotPrepared) {
  const auto store = PostgresStore::Open(clock_, {.url = Server().NewDatabase()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(store.error().message, HasSubstr("itemgate migrate"));
}

TEST_F(PostgresStoreLiveTest, RefusesTablesOfANewerProgram) {
  Query("INSERT INTO itemgate.migration (version) VALUES (99)");
  EXPECT_EQ(PostgresStore::Open(clock_, {.url = url_}).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(MigratePostgres({.database = url_}).error().code, ErrorCode::kUnsupported);
}

TEST_F(PostgresStoreLiveTest, ManyMayMigrateAtOnceAndOneDoes) {
  const std::string url = Server().NewDatabase();
  std::atomic<int> migrated = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto done = MigratePostgres({.database = url});
        ASSERT_TRUE(done) << done.error().message;
        EXPECT_EQ(done->to, kPostgresSchemaVersion);
        if (done->from == 0) ++migrated;
      });
    }
  }
  EXPECT_EQ(migrated, 1);
}

TEST_F(PostgresStoreLiveTest, ADuplicateWritesNothingAndBurnsNoId) {
  const auto store = OpenStore(clock_, url_);
  InsertOne(*store, "a");
  const std::uint64_t before = WalBytes();
  const std::string transactions = Query("SELECT pg_current_xact_id()::text");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(InsertOne(*store, "a").id, ItemId{1});
  // Asking for the number of a transaction takes one.
  EXPECT_EQ(std::stoull(Query("SELECT pg_current_xact_id()::text")), std::stoull(transactions) + 1);
  EXPECT_LT(WalBytes() - before, 4096U);  // what the server itself writes meanwhile
  EXPECT_EQ(InsertOne(*store, "b").id, ItemId{2});
}

TEST_F(PostgresStoreLiveTest, ManyServersSaveEachContentOnceUnderDenseIdsInCommitOrder) {
  constexpr int kStores = 4;
  constexpr int kContents = 300;
  std::vector<std::unique_ptr<PostgresStore>> stores;
  for (int i = 0; i < kStores; ++i)
    stores.push_back(OpenStore(clock_, url_, static_cast<std::uint64_t>(i) + 1));
  std::vector<std::vector<std::uint64_t>> ids(kStores, std::vector<std::uint64_t>(kContents));
  std::atomic<int> created = 0;
  std::atomic<bool> stop = false;
  std::jthread reader([&] {
    // Whoever follows the items sees each id, one after the other, while they are made.
    for (std::uint64_t next = 1; !stop;) {
      const auto page = stores[0]->List(ItemId{next - 1}, {.items_max = 50});
      ASSERT_TRUE(page) << page.error().message;
      for (const Item& item : *page) ASSERT_EQ(item.id.value, next++);
    }
  });
  {
    std::vector<std::jthread> threads;
    for (std::size_t s = 0; s < kStores; ++s) {
      threads.emplace_back([&, s] {
        for (std::size_t i = 0; i < kContents; ++i) {
          const std::size_t n = (i * 7 + s * 13) % kContents;
          const Insertion done = InsertOne(*stores[s], "item " + std::to_string(n));
          ids[s][n] = done.id.value;
          if (done.created) ++created;
        }
      });
    }
  }
  stop = true;
  reader.join();
  EXPECT_EQ(created, kContents);
  for (const auto& each : ids) EXPECT_EQ(each, ids[0]);
  EXPECT_EQ(std::set<std::uint64_t>(ids[0].begin(), ids[0].end()).size(), kContents);
  EXPECT_EQ(Query("SELECT min(id), max(id), count(*) FROM itemgate.item"), "1|300|300");
  EXPECT_EQ(stores[0]->Verify([](std::uint64_t) {})->problem_count, 0U);
}

// Others make items after a batch was looked up, and before its turn.
TEST_F(PostgresStoreLiveTest, WhatOthersMadeMeanwhileIsFoundInTheTurn) {
  constexpr int kBatch = 100;
  const auto store = OpenStore(clock_, url_);
  std::uint64_t last = InsertOne(*store, "the first").id.value;
  int round = 0;
  // Few are looked through; among many the batch is looked for.
  for (const int strangers : {3, 1000}) {
    for (const int known : {0, 2}) {
      const std::string name = "batch " + std::to_string(++round) + " ";
      auto others = postgres::Session::Open(url_, 5s);
      ASSERT_TRUE(others->Run("BEGIN; SELECT 1 FROM itemgate.store FOR UPDATE"));
      std::vector<std::string> contents;
      for (int i = 1; i <= kBatch; ++i) contents.push_back(name + std::to_string(i));
      std::vector<Insertion> batch;
      for (const std::string& content : contents) batch.push_back(InsertionOf(content));
      std::jthread inserting([&] { EXPECT_TRUE(InsertAll(*store, batch)); });
      EXPECT_TRUE(Eventually([&] {
        return Query(
                   "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                   "AND query LIKE '%insert_items%'") == "1";
      }));
      // The second and the third of the batch, or none of it, among others.
      const std::string made = std::to_string(strangers + known);
      const auto told = others->Run(
          "SELECT itemgate.insert_items(array_agg(sha256(c)), array_agg('default'::text), "
          "array_agg(1::bigint), array_agg(''::bytea), array_agg(c), 1, false, 1) FROM (SELECT "
          "convert_to(CASE WHEN n <= " +
          std::to_string(known) + " THEN '" + name + "' || n + 1 ELSE '" + name +
          "of others ' || n END, 'UTF8') AS c FROM generate_series(1, " + made +
          ") AS n) AS made; COMMIT");
      EXPECT_TRUE(told) << told.error().message;
      inserting.join();
      std::uint64_t next = last + std::stoull(made);
      for (int i = 0; i < kBatch; ++i) {
        const bool is_known = i >= 1 && i < 1 + known;
        EXPECT_EQ(batch[static_cast<std::size_t>(i)].created, !is_known) << i;
        EXPECT_EQ(batch[static_cast<std::size_t>(i)].id.value,
                  is_known ? last + static_cast<std::uint64_t>(i) : ++next)
            << i;
      }
      last = next;
      EXPECT_EQ(Query("SELECT max(id) FROM itemgate.item"), std::to_string(last));
    }
  }
}

TEST_F(PostgresStoreLiveTest, ConnectionsThatAreCutLoseNothingAndNobodyIsToldCreatedTwice) {
  const auto store = OpenStore(clock_, url_);
  std::atomic<int> sent = 0;  // batches; negative: no more come
  std::jthread cutter([&] {
    for (int seen = 0; seen >= 0;) {
      Server().Query("postgres",
                     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                     "datname = '" +
                         DatabaseOf(url_) + "'");
      sent.wait(seen);
      seen = sent;
    }
  });
  std::set<std::uint64_t> created;
  int cut = 0;
  for (int i = 0; i < 100; ++i) {
    std::vector<std::string> contents;
    for (int j = 0; j < 20; ++j)
      contents.push_back("item " + std::to_string(i) + "/" + std::to_string(j));
    std::vector<Insertion> batch;
    for (const std::string& content : contents) batch.push_back(InsertionOf(content));
    const auto done = InsertAll(*store, batch);
    ++sent;
    sent.notify_all();
    if (!done) ++cut;  // said so: sent again below
    for (const Insertion& insertion : batch) {
      if (done && insertion.created) {
        EXPECT_TRUE(created.insert(insertion.id.value).second);
      }
    }
    if (!done) --i;
  }
  sent = -1;
  sent.notify_all();
  cutter.join();
  EXPECT_EQ(Query("SELECT max(id), count(*) FROM itemgate.item"), "2000|2000");
  // Each was told once, but for those of batches that nobody could answer.
  EXPECT_GE(created.size() + static_cast<std::size_t>(cut) * 20, 2000U);
}

TEST_F(PostgresStoreLiveTest, GoesOnAfterTheServerWasKilled) {
  const auto store = OpenStore(clock_, url_);
  InsertOne(*store, "a");
  Server().Kill();
  Insertion b = InsertionOf("b");
  auto failed = InsertAll(*store, {&b, 1});
  while (failed || failed.error().code == ErrorCode::kUnknown) failed = InsertAll(*store, {&b, 1});
  EXPECT_EQ(failed.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(store->Statistics().accepts_items);
  Server().Start();
  while (!InsertAll(*store, {&b, 1})) {
  }
  EXPECT_EQ(b.id, ItemId{2});
  EXPECT_TRUE(store->Statistics().accepts_items);
  EXPECT_EQ(store->Find(std::vector{InsertionOf("a").key})->front(), ItemId{1});
}

TEST_F(PostgresStoreLiveTest, AnotherGenerationEndsTheService) {
  const auto store = OpenStore(clock_, url_);
  InsertOne(*store, "a");
  Query("UPDATE itemgate.store SET generation = generation + 1");
  Insertion a = InsertionOf("a");
  const auto refused = InsertAll(*store, {&a, 1});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("restart"));
  EXPECT_FALSE(store->Statistics().accepts_items);
  EXPECT_TRUE(store->may_have_lost_items());
  EXPECT_FALSE(store->Get(ItemId{1}));
  EXPECT_EQ(InsertOne(*OpenStore(clock_, url_), "a").id, ItemId{1});
}

TEST_F(PostgresStoreLiveTest, UnderAnotherGenerationNothingIsInserted) {
  const auto store = PostgresStore::Open(clock_, {.url = url_, .poll_interval = 1h});
  ASSERT_TRUE(store);
  Query("UPDATE itemgate.store SET generation = generation + 1");
  Insertion fresh = InsertionOf("new");
  const auto refused = InsertAll(**store, {&fresh, 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Query("SELECT count(*) FROM itemgate.item"), "0");
}

TEST_F(PostgresStoreLiveTest, WhoeverAsksAgainWritesSoThatItWaitsForTheStandby) {
  InsertOne(*OpenStore(clock_, url_), "a");
  const auto has_written = [&](const std::string& again) {
    return Query(
        "SELECT i.id FROM itemgate.item i, itemgate.insert_items(ARRAY[i.digest], ARRAY[i.scope], "
        "ARRAY[i.length], ARRAY[i.media_type], ARRAY[i.content], 5, " +
        again + ", 1); SELECT pg_current_xact_id_if_assigned() IS NOT NULL");
  };
  EXPECT_EQ(has_written("false"), "1\nf");
  EXPECT_EQ(has_written("true"), "1\nt");
}

TEST_F(PostgresStoreLiveTest, ARowOfTheStoreThatIsMissingEndsTheService) {
  const auto store = OpenStore(clock_, url_);
  Query("DELETE FROM itemgate.store");
  while (store->Statistics().accepts_items) (void)store->Get(ItemId{1});
  const auto opened = PostgresStore::Open(clock_, {.url = url_});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
}

TEST_F(PostgresStoreLiveTest, CommitsThatWaitForNoDiskAreRefused) {
  const auto configure = [&](const std::string& change) {
    Query("ALTER SYSTEM " + change);
    Query("SELECT pg_reload_conf()");
  };
  const auto store = OpenStore(clock_, url_);
  configure("SET synchronous_commit = off");
  while (store->Statistics().accepts_items) (void)store->Get(ItemId{1});
  const auto opened = PostgresStore::Open(clock_, {.url = url_});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("SET synchronous_commit = on"));
  configure("SET synchronous_commit = local");
  while (!store->Statistics().accepts_items) (void)store->Get(ItemId{1});
  EXPECT_EQ(InsertOne(*OpenStore(clock_, url_), "a").id, ItemId{1});
  configure("RESET synchronous_commit");
}

TEST_F(PostgresStoreLiveTest, TablesThatBecameNewerEndTheService) {
  const auto store = OpenStore(clock_, url_);
  Query("INSERT INTO itemgate.migration (version) VALUES (99)");
  while (store->Statistics().accepts_items) (void)store->Get(ItemId{1});
  EXPECT_THAT(store->Get(ItemId{1}).error().message, HasSubstr("newer program"));
  std::optional<Result<ClaimState>> claimed;
  store->claims().Claim(InsertionOf("a").key, 1,
                        [&](Result<ClaimState> state) { claimed = std::move(state); });
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->error().code, ErrorCode::kUnsupported);
  EXPECT_FALSE(store->may_have_lost_items());
}

TEST_F(PostgresStoreLiveTest, WhoHoldsTheLockAndStandsStillCanBeEnded) {
  auto stopped = postgres::Session::Open(url_, 5s);
  ASSERT_TRUE(stopped->Run("BEGIN; SELECT 1 FROM itemgate.store FOR UPDATE"));
  // As docs/postgres.md has it, but for the time.
  EXPECT_EQ(Query("SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_locks l "
                  "USING (pid) WHERE l.relation = 'itemgate.store'::regclass AND l.mode = "
                  "'RowShareLock' AND l.granted AND a.wait_event = 'ClientRead' AND a.state IN "
                  "('active', 'idle in transaction') AND now() - a.xact_start >= interval '0 s'"),
            "t");
  EXPECT_EQ(InsertOne(*OpenStore(clock_, url_), "a").id, ItemId{1});
}

TEST_F(PostgresStoreLiveTest, MigratingThroughAPoolerLeavesNothingInItsConnections) {
  const PgBouncer pooler(Server());
  const std::string url = pooler.UrlOf(DatabaseOf(Server().NewDatabase()));
  for (int i = 0; i < 2; ++i) {
    const auto migrated = MigratePostgres({.database = url});
    ASSERT_TRUE(migrated) << migrated.error().message;
  }
  EXPECT_EQ(*postgres::Session::Open(url, 5s)->Run("SHOW lock_timeout"), "0");
  EXPECT_EQ(Query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
}

TEST_F(PostgresStoreLiveTest, TellsOfItemsThatOthersMade) {
  Mutex mutex;
  ConditionVariable changed;
  int news = 0;
  auto reader = PostgresStore::Open(clock_, {.url = url_, .poll_interval = 1ms, .on_news = [&] {
                                               const MutexLock lock(mutex);
                                               ++news;
                                               changed.NotifyAll();
                                             }});
  ASSERT_TRUE(reader);
  InsertOne(*OpenStore(clock_, url_, 2), "a");
  {
    const MutexLock lock(mutex);
    while (news == 0) changed.Wait(mutex);
  }
  EXPECT_EQ((*reader)->Statistics().items, 1U);
}

TEST_F(PostgresStoreLiveTest, VerifySeesWhatIsWrong) {
  const auto store = OpenStore(clock_, url_);
  for (const char* content : {"a", "b", "c", "d"}) InsertOne(*store, content);
  EXPECT_EQ(store->Verify([](std::uint64_t) {})->problem_count, 0U);
  Query(
      "UPDATE itemgate.item SET content = 'x' WHERE id = 2; DELETE FROM itemgate.item WHERE id = "
      "3");
  const auto report = store->Verify([](std::uint64_t) {});
  EXPECT_THAT(report->problems,
              testing::ElementsAre(HasSubstr("content of item 2"), HasSubstr("before item 4"),
                                   HasSubstr("3 items, not 4")));
}

}  // namespace
}  // namespace itemgate
