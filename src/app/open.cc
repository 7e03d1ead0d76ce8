#include "app/open.h"

#include <algorithm>
#include <utility>

#include "app/lone_membership.h"
#include "base/clock.h"
#include "base/database_url.h"
#include "base/file.h"
#include "base/random.h"
#include "cache/redis/redis_seen_cache.h"
#include "itemgate/redlock.h"
#include "lock/redlock/redlock_content_lock.h"
#include "net/thread_executor.h"
#include "store/embedded/embedded_store.h"
#include "store/memory/memory_store.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/schema.h"

namespace itemgate {
namespace {

using About = OpenFailure::About;

std::unexpected<OpenFailure> Tell(About about, Error error) {
  return std::unexpected(OpenFailure{.about = about, .error = std::move(error)});
}

std::unexpected<Error> NotADatabase() {  // and what it is may have a password in it
  return Fail(ErrorCode::kInvalidArgument,
              "the store is not the URL of a database, such as postgres://user@host/name");
}

constexpr std::size_t kDatabaseCommitsMax = 3;
constexpr Duration kDatabaseGatherTime = std::chrono::microseconds(400);

Result<void> CheckRedis(const OpenOptions& options) {
  const bool has_redis = !options.redis.servers.empty();
  if (has_redis && options.database.empty())
    return Fail(ErrorCode::kInvalidArgument,
                "Redis is for servers that share a database, and this store has one server; leave "
                "it out, or give a database");
  if (!has_redis && options.lock == nullptr && options.service.lock_use == LockUse::kAlways)
    return Fail(ErrorCode::kInvalidArgument,
                "locks around all saves need Redis servers, an odd number of them; give some, or "
                "no locks");
  return {};
}

bool UsesLock(const OpenOptions& options) {
  const LockUse use = options.service.lock_use;
  return use == LockUse::kAlways || (use == LockUse::kAuto && options.backend != nullptr);
}

class LocalItemgate final : public Itemgate {
 public:
  explicit LocalItemgate(std::uint64_t seed) : seed_(seed) {}

  ~LocalItemgate() override {
    service_.reset();  // ends what is under way, for which it needs all the rest
    seen_cache_.reset();
    lock_.reset();
    redlock_.reset();
    committer_.Stop();
    executor_.Stop();
    background_.Stop();
  }

  std::expected<void, OpenFailure> Start(const OpenOptions& options) {
    if (auto opened = OpenStore(options); !opened) return Tell(About::kStore, opened.error());
    if (auto opened = OpenRedis(options); !opened) return Tell(About::kRedis, opened.error());
    ServiceOptions service_options = options.service;
    // One is on its way while the database writes another; a connection stays free for reading.
    if (claims_ != nullptr) {
      service_options.commits_max = std::clamp<std::size_t>(
          options.database_options.connections_max - 1, 1, kDatabaseCommitsMax);
      service_options.commit_gather_time = kDatabaseGatherTime;
    }
    service_ = std::make_unique<ItemIntegrationService>(
        ServiceParts{.store = *store_,
                     .backend = options.backend,
                     .clock = clock_,
                     .executor = executor_,
                     .committer = committer_,
                     .seed = seed_,
                     .on_saved = options.on_saved,
                     .claims = claims_,
                     .seen_cache = seen_cache_.get(),
                     .lock = options.lock != nullptr ? options.lock : lock_.get()},
        service_options);
    return {};
  }

  ItemIntegrationService& service() override { return *service_; }
  StoreStatistics StoreStatisticsNow() const override { return store_->Statistics(); }
  bool MayHaveLostItems() const override { return store_->may_have_lost_items(); }

  Membership& membership() override {
    return database_ == nullptr ? lone_membership_ : database_->membership();
  }

  Result<std::vector<ParkedContent>> ParkedContents() override {
    if (database_ == nullptr) return std::vector<ParkedContent>();
    return database_->ParkedContents();
  }

  Result<void> ResolveParked(const ContentKey& key, Resolution resolution) override {
    if (database_ == nullptr)
      return Fail(ErrorCode::kNotFound, "nothing is parked in a store that nobody shares");
    return database_->ResolveParked(key, resolution);
  }

  Result<VerifyReport> Verify(std::move_only_function<void(std::uint64_t)> progress) override {
    if (!verify_)
      return Fail(ErrorCode::kUnsupported, "a store in memory has nothing on disk to verify");
    return verify_(std::move(progress));
  }

 private:
  using Progress = std::move_only_function<void(std::uint64_t)>;

  Result<void> OpenStore(const OpenOptions& options) {
    if (!options.database.empty()) {
      auto opened =
          PostgresStore::Open(clock_, {.url = options.database,
                                       .seed = seed_,
                                       .connections_max = options.database_options.connections_max,
                                       .timeout = options.database_options.timeout,
                                       .hears_hints = options.backend != nullptr,
                                       .lease = options.service.claim_lease,
                                       .on_news = options.on_saved});
      if (!opened) return std::unexpected(opened.error());
      database_ = opened->get();
      claims_ = &(*opened)->claims();
      cache_secret_ = (*opened)->cache_secret();
      generation_ = static_cast<std::uint64_t>((*opened)->generation());
      Adopt(std::move(*opened));
    } else if (!options.directory.empty()) {
      auto opened = EmbeddedStore::Open(
          {.files = files_, .clock = clock_, .background = background_},
          {.directory = options.directory, .must_exist = options.must_exist, .seed = seed_});
      if (!opened) return std::unexpected(opened.error());
      Adopt(std::move(*opened));
    } else {
      store_ = NewMemoryStore(clock_, seed_);
    }
    return {};
  }

  /// Succeeds whether or not the servers are there.
  Result<void> OpenRedis(const OpenOptions& options) {
    if (options.redis.servers.empty()) return {};
    auto cache = RedisSeenCache::Make({.servers = options.redis.servers,
                                       .secret = cache_secret_,
                                       .generation = generation_,
                                       .deadline = options.service.hint_time_max});
    if (!cache) return std::unexpected(cache.error());
    seen_cache_ = std::move(*cache);
    if (options.lock != nullptr || !UsesLock(options)) return {};
    auto redlock = RedLockFactory::Create(
        {options.redis.servers.begin(), options.redis.servers.end()}, {.client_name = "itemgate"});
    if (!redlock) return std::unexpected(redlock.error());
    redlock_ = std::move(*redlock);
    lock_ = std::make_unique<redlock::RedLockContentLock>(*redlock_, options.redis.lock_expiry);
    return {};
  }

  /// Takes a store that can be verified.
  template <typename Store>
  void Adopt(std::unique_ptr<Store> store) {
    verify_ = [raw = store.get()](Progress progress) { return raw->Verify(std::move(progress)); };
    store_ = std::move(store);
  }

  const std::uint64_t seed_;
  PosixFileSystem files_;
  SystemClock clock_;
  ThreadExecutor executor_{"itemgate", 1};
  ThreadExecutor committer_{"committer", 1};
  ThreadExecutor background_{"background", 1, ThreadExecutor::Priority::kLow};
  LoneMembership lone_membership_{clock_, seed_};
  std::unique_ptr<ItemStore> store_;
  PostgresStore* database_ = nullptr;  // these four are of store_, if others share it
  ClaimStore* claims_ = nullptr;
  PostgresStore::CacheSecret cache_secret_{};
  std::uint64_t generation_ = 0;
  std::unique_ptr<RedisSeenCache> seen_cache_;
  std::unique_ptr<RedLockFactory> redlock_;
  std::unique_ptr<ContentLock> lock_;
  std::function<Result<VerifyReport>(Progress)> verify_;  // of store_, if it can be
  std::unique_ptr<ItemIntegrationService> service_;
};

}  // namespace

std::expected<std::unique_ptr<Itemgate>, OpenFailure> OpenOrTell(const OpenOptions& options) {
  if (options.service.content_bytes_max > kContentBytesLimit)
    return Tell(About::kLimits, {ErrorCode::kInvalidArgument,
                                 "the limit of a content's size can be at most 1 GiB"});
  if (!options.database.empty() && !IsPostgresUrl(options.database))
    return Tell(About::kStore, NotADatabase().error());
  if (auto checked = CheckRedis(options); !checked) return Tell(About::kRedis, checked.error());
  auto itemgate = std::make_unique<LocalItemgate>(UnpredictableSeed());
  if (auto started = itemgate->Start(options); !started) return std::unexpected(started.error());
  return itemgate;
}

Result<std::unique_ptr<Itemgate>> Open(const OpenOptions& options) {
  auto opened = OpenOrTell(options);
  if (!opened) return std::unexpected(std::move(opened.error().error));
  return *std::move(opened);
}

Result<Migrated> Migrate(const MigrateOptions& options) {
  if (!IsPostgresUrl(options.database)) return NotADatabase();
  return MigratePostgres(options);
}

}  // namespace itemgate
