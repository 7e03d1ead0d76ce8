#include "store/postgres/postgres_store.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "postgres/client.h"
#include "postgres/hosts.h"
#include "postgres/sql_error.h"
#include "store/postgres/claim_hints.h"
#include "store/postgres/insert_batch.h"
#include "store/postgres/item_sql.h"
#include "store/postgres/parked_sql.h"
#include "store/postgres/postgres_claims.h"
#include "store/postgres/postgres_membership.h"
#include "store/postgres/schema.h"

namespace itemgate {
namespace {

using postgres::Answer;
using postgres::Client;
using postgres::Failure;
using postgres::Fate;
using postgres::Rows;
using postgres::Statement;

// PostgreSQL takes no message of a gigabyte.
constexpr std::size_t kBatchBytesMax = 512 << 20;
/// A database that is silent for so long is taken for unreachable, long before TCP and deadlines say so.
constexpr Duration kSilenceMax = std::chrono::seconds(3);

// Statements are planned for tables that may have grown a thousand times since they were last counted.
constexpr postgres::Sql kNoSequentialScans{.text = "SET enable_seqscan = off"};
// Compiling takes longer than any of our statements.
constexpr postgres::Sql kNoCompiling{.text = "SET jit = off"};
// A server whose connection stands still in the middle of a transaction is let go.
constexpr postgres::Sql kKeepAlive{.text = "SET tcp_keepalives_idle = 5"};
constexpr postgres::Sql kKeepAliveInterval{.text = "SET tcp_keepalives_interval = 2"};
constexpr postgres::Sql kKeepAliveCount{.text = "SET tcp_keepalives_count = 3"};

postgres::PoolOptions PoolOptionsOf(const PostgresStore::Options& options, ClaimHints& hints) {
  postgres::PoolOptions pool;
  pool.connection.url = options.url;
  // So that each host of the URL has its turn within the time of a call.
  const auto hosts = postgres::HostsFrom(options.url, 0).value_or(postgres::Hosts()).count;
  pool.connection.connect_timeout = std::min<Duration>(
      options.timeout / static_cast<std::int64_t>(hosts), std::chrono::seconds(5));
  pool.connection.prepared = {&kInsertItems, &kFindIds, &kGetItem, &kListItems};
  pool.connection.settings = {&kNoSequentialScans, &kNoCompiling, &kKeepAlive, &kKeepAliveInterval,
                              &kKeepAliveCount};
  pool.connections_max = options.connections_max;
  pool.seed = options.seed;
  if (options.hears_hints) pool.connection.channels = {std::string(ClaimHints::kChannel)};
  pool.on_notified = [&hints](std::string_view, std::string_view payload) { hints.Heard(payload); };
  return pool;
}

/// Of one heartbeat: there is time for another one within a lease.
Duration TurnTimeoutOf(const PostgresStore::Options& options) {
  const Duration third = std::max<Duration>(options.lease / 3, std::chrono::seconds(1));
  return std::min(options.timeout, third);
}

/// What the tables say about themselves.
struct Look {
  std::int64_t version = 0;
  std::int64_t generation = 0;
  std::uint64_t last_id = 0;
  std::uint64_t disk_bytes = 0;
  bool is_durable = true;
};

constexpr std::string_view kNotDurableText =
    "the database commits without waiting for its disk (synchronous_commit = off), and would lose "
    "what was answered as saved; ALTER ROLE ... SET synchronous_commit = on, for this server's "
    "role";

Look LookOf(const Rows& rows) {
  return {.version = rows.Integer(0, 0),
          .generation = rows.Integer(0, 1),
          .last_id = static_cast<std::uint64_t>(rows.Integer(0, 2)),
          .disk_bytes = static_cast<std::uint64_t>(rows.Integer(0, 3)),
          .is_durable = rows.Integer(0, 4) != 0};
}

class PostgresStoreImpl final : public PostgresStore {
 public:
  PostgresStoreImpl(const Clock& clock, Options options)
      : clock_(clock), options_(std::move(options)), random_(options_.seed) {}

  ~PostgresStoreImpl() override {
    closing_.store(true, std::memory_order_relaxed);
    if (claims_) claims_->Stop();
    if (membership_) membership_->Stop();
    if (client_) client_->Close();
  }

  Result<void> Start();

  void Insert(std::span<Insertion* const> batch, InsertDone done) override EXCLUDES(mutex_);
  Result<std::vector<std::optional<ItemId>>> Find(std::span<const ContentKey> keys) override;
  Result<Item> Get(ItemId id) override;
  Result<std::vector<Item>> List(ItemId after, PageLimits limits) override;
  StoreStatistics Statistics() const override EXCLUDES(mutex_);
  bool may_have_lost_items() const override {
    return ended_.load(std::memory_order_relaxed) == Ended::kGeneration;
  }
  ClaimStore& claims() override { return *claims_; }
  Membership& membership() override { return *membership_; }
  Result<std::vector<ParkedContent>> ParkedContents() override;
  Result<void> ResolveParked(const ContentKey& key, Resolution resolution) override;
  const CacheSecret& cache_secret() const override { return cache_secret_; }
  std::int64_t generation() const override { return generation_; }
  Result<VerifyReport> Verify(std::move_only_function<void(std::uint64_t)> progress) override;

 private:
  /// A batch and who waits for it.
  struct Running {
    Running(std::span<Insertion* const> insertions, const InsertBatch::Options& options,
            InsertDone told)
        : batch(insertions, options), done(std::move(told)) {}
    InsertBatch batch;
    InsertDone done;
  };

  void Try(std::unique_ptr<Running> running);
  void Tried(std::unique_ptr<Running> running, const Answer& answer);
  [[nodiscard]] std::expected<InsertBatch::Ids, Failure> IdsOf(const Answer& answer);
  /// One statement that changes nothing, and so may be sent twice. Read is for callers, LookInto for the start, which
  /// tells more of what is wrong.
  [[nodiscard]] Result<Rows> Read(Statement statement);
  [[nodiscard]] Result<Rows> LookInto(const Statement& statement);
  void Poll();
  void Polled(std::string problem) EXCLUDES(mutex_);
  void PollLater();
  /// Why it accepts no items, other than that it may have lost some.
  [[nodiscard]] std::string Problem() const EXCLUDES(mutex_);
  void SawLastId(std::uint64_t id, bool by_others);
  void Heard() { heard_.store(clock_.Now(), std::memory_order_relaxed); }
  /// Why the store serves nothing any more.
  enum class Ended : std::uint8_t { kNot, kGeneration, kVersion };
  void End(Ended why) { ended_.store(why, std::memory_order_relaxed); }
  [[nodiscard]] bool has_ended() const {
    return ended_.load(std::memory_order_relaxed) != Ended::kNot;
  }
  /// REQUIRES: has_ended().
  [[nodiscard]] Error WhyEnded() const;
  /// kUnsupported if the tables are newer. Under another generation it is the database that refuses, and ends what was
  /// claimed.
  [[nodiscard]] Result<void> MayClaim() const;

  const Clock& clock_;
  const Options options_;
  ClaimHints hints_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<PostgresMembership> membership_;
  std::unique_ptr<PostgresClaims> claims_;
  std::int64_t generation_ = 0;  // these two are constant after Start
  CacheSecret cache_secret_{};

  // For reports, or standing alone: relaxed.
  std::atomic<std::uint64_t> last_id_ = 0;
  std::atomic<std::uint64_t> disk_bytes_ = 0;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<Instant> heard_ = Instant{};  // when the database last answered
  std::atomic<Ended> ended_ = Ended::kNot;
  std::atomic<bool> is_durable_ = true;  // its commits wait for its disk
  std::atomic<bool> closing_ = false;

  mutable Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  std::string poll_problem_ GUARDED_BY(mutex_);  // of the last poll; empty: it was answered
};

Result<void> PostgresStoreImpl::Start() {
  auto client = Client::Make(clock_, PoolOptionsOf(options_, hints_));
  if (!client) return std::unexpected(client.error());
  client_ = std::move(*client);
  const auto looked = LookInto({.sql = &kLookAtTables});
  if (!looked) return std::unexpected(looked.error());
  const Look look = LookOf(*looked);
  if (look.version != kPostgresSchemaVersion)
    return Fail(ErrorCode::kUnsupported,
                "the database's tables have version " + std::to_string(look.version) +
                    ", and this program knows " + std::to_string(kPostgresSchemaVersion) +
                    (look.version < kPostgresSchemaVersion ? "; run itemgate migrate --store URL"
                                                           : "; use the newer program"));
  if (look.generation == 0)
    return Fail(ErrorCode::kCorrupt,
                "the row of itemgate.store is missing; restore it from a backup, with a generation "
                "higher than ever before");
  if (!look.is_durable) return Fail(ErrorCode::kUnsupported, std::string(kNotDurableText));
  generation_ = look.generation;
  const auto secret = LookInto({.sql = &kCacheSecret});
  if (!secret) return std::unexpected(secret.error());
  const std::string_view bytes = secret->count() == 1 ? secret->Bytes(0, 0) : "";
  if (bytes.size() != cache_secret_.size())
    return Fail(ErrorCode::kCorrupt, "itemgate.store has no cache_secret of 32 bytes");
  std::memcpy(cache_secret_.data(), bytes.data(), bytes.size());
  const auto server = static_cast<std::int64_t>(Random(options_.seed).Next() >> 1);
  membership_ = std::make_unique<PostgresMembership>(
      *client_, PostgresMembership::Options{.server = server,
                                            .generation = generation_,
                                            .interval = options_.poll_interval,
                                            .timeout = options_.timeout,
                                            .turn_timeout = TurnTimeoutOf(options_)});
  claims_ = std::make_unique<PostgresClaims>(
      PostgresClaims::Parts{.client = *client_, .hints = hints_, .membership = *membership_},
      PostgresClaims::Options{.server = server,
                              .generation = generation_,
                              .on_refused = [this] { End(Ended::kGeneration); },
                              .may_claim = [this] { return MayClaim(); },
                              .timeout = options_.timeout});
  last_id_.store(look.last_id, std::memory_order_relaxed);
  disk_bytes_.store(look.disk_bytes, std::memory_order_relaxed);
  PollLater();
  return {};
}

void PostgresStoreImpl::Insert(std::span<Insertion* const> batch, InsertDone done) {
  InsertBatch::Options options{.deadline = clock_.Now() + options_.timeout,
                               .try_timeout = options_.timeout / 2};
  {
    const MutexLock lock(mutex_);
    // Positive, and far enough from the end to add places to it.
    options.attempt = static_cast<std::int64_t>(random_.Next() >> 2);
  }
  auto running = std::make_unique<Running>(batch, options, std::move(done));
  if (has_ended()) return running->done(std::unexpected(WhyEnded()));
  if (running->batch.content_bytes() > kBatchBytesMax)
    return running->done(
        Fail(ErrorCode::kTooLarge, "more than 512 MiB in one batch; send smaller ones"));
  Try(std::move(running));
}

void PostgresStoreImpl::Try(std::unique_ptr<Running> running) {
  InsertBatch& batch = running->batch;
  postgres::Command command{.deadline = batch.TryDeadline(clock_.Now()),
                            .if_unreachable = batch.if_unreachable(),
                            .is_long = batch.is_long()};
  command.statements.push_back(
      {.sql = &kInsertItems, .parameters = batch.MakeParameters(generation_)});
  command.done = [this, running = std::move(running)](const Answer& answer) mutable {
    Tried(std::move(running), answer);
  };
  client_->Run(std::move(command));
}

void PostgresStoreImpl::Tried(std::unique_ptr<Running> running, const Answer& answer) {
  const auto next = running->batch.Take(IdsOf(answer), clock_.Now());
  if (!next) return running->done(std::unexpected(next.error()));
  if (*next == InsertBatch::Next::kTryAgain) {
    if (closing_.load(std::memory_order_relaxed))
      return running->done(Fail(ErrorCode::kUnknown, "the store was closed meanwhile"));
    return Try(std::move(running));
  }
  Heard();
  if (running->batch.made_count() > 0) commits_.fetch_add(1, std::memory_order_relaxed);
  SawLastId(running->batch.last_id().value, /*by_others=*/false);
  running->done({});
}

std::expected<InsertBatch::Ids, Failure> PostgresStoreImpl::IdsOf(const Answer& answer) {
  if (!answer) return std::unexpected(answer.error());
  const Rows& rows = answer->front();
  if (rows.Integer(0, 0) != generation_) {  // then the function inserted nothing
    End(Ended::kGeneration);
    return std::unexpected(Failure{.error = WhyEnded(), .fate = Fate::kRefused});
  }
  if (has_ended())  // meanwhile: it is committed, and perhaps lost
    return std::unexpected(
        Failure{.error = Error(ErrorCode::kUnknown, WhyEnded().message), .fate = Fate::kDoubtful});
  auto ids = postgres::ReadIntegers(rows.Bytes(0, 1));
  if (!ids) return std::unexpected(Failure{.error = ids.error(), .fate = Fate::kUnknown});
  return *std::move(ids);
}

Result<Rows> PostgresStoreImpl::Read(Statement statement) {
  if (has_ended()) return std::unexpected(WhyEnded());
  auto rows = LookInto(statement);
  if (!rows) return std::unexpected(postgres::WhileServing(std::move(rows.error())));
  return rows;
}

Result<Rows> PostgresStoreImpl::LookInto(const Statement& statement) {
  const Instant deadline = clock_.Now() + options_.timeout;
  while (true) {
    const Instant try_deadline = std::min(deadline, clock_.Now() + options_.timeout / 2);
    Answer answer = client_->Call({statement}, try_deadline - clock_.Now());
    if (answer) {
      Heard();
      return std::move(answer->front());
    }
    auto& [error, fate] = answer.error();
    const Instant now = clock_.Now();
    // What was not sent in time found no connection; what was not sent at once was refused.
    // Of what changes nothing, nothing can be in doubt.
    const bool was_lost = fate == Fate::kUnknown || fate == Fate::kDoubtful;
    const bool may_come = was_lost || (fate == Fate::kNotSent && now >= try_deadline);
    if (!may_come) return std::unexpected(std::move(error));
    if (now >= deadline) return Fail(ErrorCode::kUnavailable, std::move(error.message));
  }
}

Result<std::vector<std::optional<ItemId>>> PostgresStoreImpl::Find(
    std::span<const ContentKey> keys) {
  const auto rows = Read(FindIds(keys));
  if (!rows) return std::unexpected(rows.error());
  const auto ids = postgres::ReadIntegers(rows->Bytes(0, 0));
  if (!ids) return std::unexpected(ids.error());
  if (ids->size() != keys.size())
    return Fail(ErrorCode::kCorrupt, "the database answered for other keys than asked");
  std::vector<std::optional<ItemId>> found(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    // Nobody's attempt is asked for, but a negative id would name the same item.
    if ((*ids)[i]) found[i] = ItemId{static_cast<std::uint64_t>(std::abs(*(*ids)[i]))};
  }
  return found;
}

Result<Item> PostgresStoreImpl::Get(ItemId id) {
  const auto rows = Read(GetItemOf(id));
  if (!rows) return std::unexpected(rows.error());
  auto items = ItemsOf(*rows);
  if (!items) return std::unexpected(items.error());
  if (items->empty() || items->front().id != id)
    return Fail(ErrorCode::kNotFound, "there is no item " + std::to_string(id.value));
  return std::move(items->front());
}

Result<std::vector<Item>> PostgresStoreImpl::List(ItemId after, PageLimits limits) {
  const auto rows = Read(ListItems(after, limits));
  if (!rows) return std::unexpected(rows.error());
  return ItemsOf(*rows);
}

Result<std::vector<ParkedContent>> PostgresStoreImpl::ParkedContents() {
  const auto rows = Read({.sql = &kListParked});
  if (!rows) return std::unexpected(rows.error());
  return ParkedOf(*rows);
}

Result<void> PostgresStoreImpl::ResolveParked(const ContentKey& key, Resolution resolution) {
  if (has_ended()) return std::unexpected(WhyEnded());
  const Answer answer =
      client_->Call({ResolveParkedAs(key, resolution), ClaimHints::Telling(key)}, options_.timeout);
  if (!answer) return std::unexpected(postgres::WhileServing(answer.error().error));
  if (answer->front().affected() == 0)
    return Fail(ErrorCode::kNotFound, "no content of this digest is parked in that scope");
  return {};
}

StoreStatistics PostgresStoreImpl::Statistics() const {
  const bool accepts_items = client_->is_reachable() && !has_ended() &&
                             is_durable_.load(std::memory_order_relaxed) &&
                             clock_.Now() - heard_.load(std::memory_order_relaxed) < kSilenceMax;
  return {.items = last_id_.load(std::memory_order_relaxed),
          .disk_bytes = disk_bytes_.load(std::memory_order_relaxed),
          .syncs = commits_.load(std::memory_order_relaxed),
          .accepts_items = accepts_items,
          .may_have_lost_items = may_have_lost_items(),
          .problem = accepts_items || may_have_lost_items() ? "" : Problem()};
}

std::string PostgresStoreImpl::Problem() const {
  if (has_ended()) return WhyEnded().message;
  if (!is_durable_.load(std::memory_order_relaxed)) return std::string(kNotDurableText);
  const MutexLock lock(mutex_);
  return poll_problem_.empty() ? "the database has not answered for some time" : poll_problem_;
}

void PostgresStoreImpl::PollLater() {
  if (closing_.load(std::memory_order_relaxed)) return;
  client_->executor().PostAfter(options_.poll_interval, [this] { Poll(); });
}

void PostgresStoreImpl::Poll() {
  client_->Run({.statements = {{.sql = &kLookAtTables}},
                .deadline = clock_.Now() + options_.timeout,
                .done = [this](const Answer& answer) {
                  if (answer) {
                    Heard();
                    const Look look = LookOf(answer->front());
                    if (look.version > kPostgresSchemaVersion && !has_ended()) End(Ended::kVersion);
                    if (look.generation != generation_) End(Ended::kGeneration);
                    disk_bytes_.store(look.disk_bytes, std::memory_order_relaxed);
                    SawLastId(look.last_id, /*by_others=*/true);
                    is_durable_.store(look.is_durable, std::memory_order_relaxed);
                  }
                  Polled(answer ? "" : answer.error().error.message);
                }});
}

void PostgresStoreImpl::Polled(std::string problem) {
  {
    const MutexLock lock(mutex_);
    poll_problem_ = std::move(problem);
  }
  PollLater();
}

void PostgresStoreImpl::SawLastId(std::uint64_t id, bool by_others) {
  std::uint64_t last = last_id_.load(std::memory_order_relaxed);
  while (id > last && !last_id_.compare_exchange_weak(last, id, std::memory_order_relaxed)) {
  }
  if (by_others && id > last && options_.on_news) options_.on_news();
}

Result<void> PostgresStoreImpl::MayClaim() const {
  if (ended_.load(std::memory_order_relaxed) == Ended::kVersion)
    return Fail(ErrorCode::kUnsupported, WhyEnded().message);
  return {};
}

Error PostgresStoreImpl::WhyEnded() const {
  if (ended_.load(std::memory_order_relaxed) == Ended::kVersion)
    return {ErrorCode::kUnavailable,
            "the database's tables have a newer version than this program knows; restart with the "
            "newer program"};
  return {ErrorCode::kUnavailable,
          "the database has another generation than at the start: a failover may have lost "
          "items that this process remembers; restart it"};
}

Result<VerifyReport> PostgresStoreImpl::Verify(
    std::move_only_function<void(std::uint64_t)> progress) {
  constexpr std::size_t kProblemsKept = 100;
  VerifyReport report;
  const auto problem = [&report](std::string sentence) {
    if (++report.problem_count <= kProblemsKept) report.problems.push_back(std::move(sentence));
  };
  const std::uint64_t last_before = last_id_.load(std::memory_order_relaxed);
  for (ItemId last; last.value < last_before;) {
    const auto page = List(last, {});
    if (!page) return std::unexpected(page.error());
    if (page->empty()) break;
    std::vector<ContentKey> keys;
    for (const Item& item : *page) {
      const std::string name = "item " + std::to_string(item.id.value);
      if (item.id.value != ++last.value) problem("the ids before " + name + " are missing");
      last = item.id;
      ++report.items;
      report.content_bytes += item.content.size();
      const auto key = MakeContentKey(item.key.scope, item.content);
      if (!key || *key != item.key) problem("the content of " + name + " does not have its digest");
      keys.push_back(item.key);
    }
    const auto ids = Find(keys);
    if (!ids) return std::unexpected(ids.error());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if ((*ids)[i] != (*page)[i].id)
        problem("the index has another id for the content of item " +
                std::to_string((*page)[i].id.value));
    }
    progress(report.items);
  }
  if (report.items < last_before)
    problem("there are " + std::to_string(report.items) + " items, not " +
            std::to_string(last_before));
  return report;
}

}  // namespace

Result<std::unique_ptr<PostgresStore>> PostgresStore::Open(const Clock& clock, Options options) {
  auto store = std::make_unique<PostgresStoreImpl>(clock, std::move(options));
  if (auto started = store->Start(); !started) return std::unexpected(started.error());
  return store;
}

}  // namespace itemgate
