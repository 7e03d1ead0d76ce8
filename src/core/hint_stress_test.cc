// Two servers, one store, and a lock and a seen cache that do all the wrong things: what is answered stays right.
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "base/random.h"
#include "itemgate/service.h"
#include "net/thread_executor.h"
#include "store/memory/memory_store.h"
#include "testing/faulty_lock.h"
#include "testing/memory_claims.h"
#include "testing/memory_seen_cache.h"

namespace itemgate {
namespace {

using namespace std::chrono_literals;
using Mode = FaultyLock::Mode;

/// What stands behind both servers.
enum class Behind { kStore, kBackendWithClaims };

/// Counts what each content did. Threads: any; answers after a moment, on the executor.
class CountingBackend final : public ItemBackend {
 public:
  explicit CountingBackend(Executor& executor) : executor_(executor) {}

  void SaveItem(const BackendItem& item, SaveDone done) override {
    executor_.PostAfter(1ms,
                        [this, text = std::string(item.content), told = std::move(done)]() mutable {
                          {
                            const MutexLock lock(mutex_);
                            ++effects_[text];
                          }
                          told({});
                        });
  }
  void FindItemsWithContent(const ContentKey&, std::string_view content, FindDone done) override {
    std::uint64_t count = 0;
    {
      const MutexLock lock(mutex_);
      const auto found = effects_.find(std::string(content));
      count = found == effects_.end() ? 0 : found->second;
    }
    done(count);
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> effects() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return effects_;
  }

 private:
  Executor& executor_;
  Mutex mutex_;
  std::map<std::string, std::uint64_t> effects_ GUARDED_BY(mutex_);
};

/// Claims of two servers, one call at a time on the executor.
class PostedClaims final : public ClaimStore {
 public:
  explicit PostedClaims(Executor& executor) : executor_(executor) {}

  [[nodiscard]] ClaimHolder FirstHolder(std::int64_t attempt) const override {
    return claims_.FirstHolder(attempt);
  }
  void Claim(const ContentKey& key, std::int64_t attempt, Done done) override {
    Post(std::move(done), [=, this](Done told) { claims_.Claim(key, attempt, std::move(told)); });
  }
  void TakeOver(const ContentKey& key, const ClaimHolder& seen, std::int64_t attempt,
                Done done) override {
    Post(std::move(done),
         [=, this](Done told) { claims_.TakeOver(key, seen, attempt, std::move(told)); });
  }
  void Confirm(const ContentKey& key, const ClaimHolder& mine, std::string_view content,
               std::string_view media_type, Done done) override {
    Post(std::move(done), [=, this](Done told) {
      claims_.Confirm(key, mine, content, media_type, std::move(told));
    });
  }
  void Park(const ContentKey& key, const ClaimHolder& mine, Done done) override {
    Post(std::move(done), [=, this](Done told) { claims_.Park(key, mine, std::move(told)); });
  }
  void Release(const ContentKey& key, const ClaimHolder& mine, Done done) override {
    Post(std::move(done), [=, this](Done told) { claims_.Release(key, mine, std::move(told)); });
  }
  void Look(const ContentKey& key, Done done) override {
    Post(std::move(done), [=, this](Done told) { claims_.Look(key, std::move(told)); });
  }
  void Watch(Changed changed) override { claims_.Watch(std::move(changed)); }  // before all calls

 private:
  void Post(Done done, std::function<void(Done)> call) {
    executor_.Post(
        [told = std::move(done), run = std::move(call)]() mutable { run(std::move(told)); });
  }

  Executor& executor_;  // of one thread
  MemoryClaims claims_;
};

struct Fault {
  std::string name;
  Behind behind;
  Mode mode;
  enum class Cache { kWorks, kHangs, kNone } cache = Cache::kWorks;
};

/// Two servers, and what they share.
class World {
 public:
  explicit World(const Fault& fault) : lock_(fault.mode) {
    if (fault.cache == Fault::Cache::kHangs) cache_.Hold();
    const bool has_backend = fault.behind == Behind::kBackendWithClaims;
    ServiceOptions options{.near_cache_keys = 50, .lock_use = LockUse::kAlways};
    options.lock_wait_max = 5ms;
    options.hint_time_max = 2ms;
    for (const auto seed : {std::uint64_t{1}, std::uint64_t{2}})
      servers_.push_back(std::make_unique<ItemIntegrationService>(
          ServiceParts{.store = *store_,
                       .backend = has_backend ? &backend_ : nullptr,
                       .clock = clock_,
                       .executor = executor_,
                       .committer = committer_,
                       .seed = seed,
                       .on_saved = {},
                       .claims = has_backend ? &claims_ : nullptr,
                       .seen_cache = fault.cache == Fault::Cache::kNone ? nullptr : &cache_,
                       .lock = &lock_},
          options));
  }

  [[nodiscard]] ItemIntegrationService& server(std::uint64_t number) { return *servers_[number]; }
  [[nodiscard]] CountingBackend& backend() { return backend_; }
  [[nodiscard]] ItemStore& store() { return *store_; }

 private:
  SystemClock clock_;
  FaultyLock lock_;
  MemorySeenCache cache_;
  std::unique_ptr<ItemStore> store_ = NewMemoryStore(clock_, 1);
  ThreadExecutor database_{"database", 1};
  ThreadExecutor outside_{"outside", 1};
  ThreadExecutor executor_{"executor", 2};
  ThreadExecutor committer_{"committer", 1};
  CountingBackend backend_{outside_};
  PostedClaims claims_{database_};
  std::vector<std::unique_ptr<ItemIntegrationService>> servers_;
};

class HintStress : public testing::TestWithParam<Fault> {};

constexpr std::uint64_t kContents = 200;
constexpr int kCallsOfThread = 300;

TEST_P(HintStress, EveryContentIsSavedOnceAndHasOneId) {
  std::vector<std::atomic<std::uint64_t>> ids(kContents);
  std::vector<std::atomic<int>> created(kContents);
  const auto check = [&](std::uint64_t number, const SaveResult& result) {
    ASSERT_TRUE(result.saved()) << result.message();
    if (result.outcome == Outcome::kCreated) ++created[number];
    std::uint64_t expected = 0;
    const bool first = ids[number].compare_exchange_strong(expected, result.id.value);
    EXPECT_TRUE(first || expected == result.id.value);
  };
  World world(GetParam());
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      threads.emplace_back([&, seed] {
        Random random(seed);
        ItemIntegrationService& server = world.server(seed % 2);
        for (int i = 0; i < kCallsOfThread; ++i) {
          const std::uint64_t number = random.Below(kContents - 2);
          const auto text = [](std::uint64_t n) { return "content " + std::to_string(n); };
          if (random.Below(4) > 0) {
            check(number, server.SaveItem(text(number)));
            continue;
          }
          const std::vector<std::string> texts = {text(number), text(number + 1), text(number),
                                                  text(number + 2)};
          const std::vector<std::string_view> views(texts.begin(), texts.end());
          const auto results = server.SaveItems(views);
          check(number, results[0]);
          check(number + 1, results[1]);
          check(number + 2, results[3]);
        }
      });
    }
  }
  std::set<std::uint64_t> distinct;
  for (std::uint64_t i = 0; i < kContents; ++i) {
    if (ids[i] == 0) continue;
    EXPECT_EQ(created[i], 1) << i;
    EXPECT_TRUE(distinct.insert(ids[i]).second) << i;
  }
  if (GetParam().behind == Behind::kBackendWithClaims) {
    EXPECT_EQ(world.backend().effects().size(), distinct.size());
    for (const auto& [content, count] : world.backend().effects()) EXPECT_EQ(count, 1U) << content;
  } else {
    EXPECT_EQ(world.store().List({}, {.items_max = 10 * kContents})->size(), distinct.size());
  }
}

std::vector<Fault> AllFaults() {
  std::vector<Fault> faults;
  for (const Behind behind : {Behind::kStore, Behind::kBackendWithClaims}) {
    const std::string name = behind == Behind::kStore ? "Store" : "Backend";
    for (const auto& [mode, text] :
         {std::pair(Mode::kWorks, "Works"), std::pair(Mode::kAlwaysGrants, "AlwaysGrants"),
          std::pair(Mode::kNeverGrants, "NeverGrants"),
          std::pair(Mode::kGrantsTwice, "GrantsTwice"),
          std::pair(Mode::kUnavailable, "Unavailable"), std::pair(Mode::kHangs, "Hangs"),
          std::pair(Mode::kThrows, "Throws"), std::pair(Mode::kLoses, "Loses")})
      faults.push_back({.name = name + text, .behind = behind, .mode = mode});
    faults.push_back({.name = name + "CacheHangs",
                      .behind = behind,
                      .mode = Mode::kWorks,
                      .cache = Fault::Cache::kHangs});
    faults.push_back({.name = name + "NoCache",
                      .behind = behind,
                      .mode = Mode::kGrantsTwice,
                      .cache = Fault::Cache::kNone});
  }
  return faults;
}

INSTANTIATE_TEST_SUITE_P(Faults, HintStress, testing::ValuesIn(AllFaults()),
                         [](const auto& fault) { return fault.param.name; });

}  // namespace
}  // namespace itemgate
