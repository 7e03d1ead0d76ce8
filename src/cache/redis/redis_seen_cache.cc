#include "cache/redis/redis_seen_cache.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "cache/redis/engine.h"
#include "cache/redis/shards.h"
#include "net/event_loop.h"
#include "net/thread_executor.h"

namespace itemgate {
namespace {

/// What is told is gathered for so long: it need not be known at once, and one wake of each thread and server serves
/// many.
constexpr Duration kFillDelay = std::chrono::milliseconds(5);

}  // namespace

class RedisSeenCache::Impl {
 public:
  explicit Impl(const RedisSeenCacheOptions& options)
      : looks_max_(options.looks_max),
        fills_max_(options.fills_max),
        engine_({.clock = clock_, .counters = counters_}, options.secret, options.generation) {}

  [[nodiscard]] Result<void> Begin(const RedisSeenCacheOptions& options) {
    auto servers = seen::ParseServers(options.servers);
    if (!servers) return std::unexpected(servers.error());
    auto made = seen::MakeShards(
        {.loop = loop_, .clock = clock_, .resolver = resolver_}, *servers,
        {.deadline = options.deadline, .on_change = [this] { engine_.CountReady(); }}, engine_);
    if (!made) return std::unexpected(made.error());
    engine_.SetShards(std::move(made->shards), std::move(made->names));
    loop_.Post([this] { engine_.Start(); });
    thread_ = std::thread([this] { loop_.Run(); });
    return {};
  }

  ~Impl() {
    if (!thread_.joinable()) return;
    loop_.Post([this] {
      Close();
      TakeLooks();
      engine_.Stop();
      loop_.Stop();
    });
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void Look(std::vector<ContentKey> keys, Found found) EXCLUDES(mutex_) {
    const std::size_t count = keys.size();
    seen::Counters::Add(counters_.looks, count);
    bool is_first = false;
    std::optional<Found> refused;
    {
      const MutexLock lock(mutex_);
      if (is_closed_ || count > looks_max_ - look_keys_) {
        refused = std::move(found);
      } else {
        is_first = looks_.empty();
        look_keys_ += count;
        looks_.push_back({.keys = std::move(keys), .found = std::move(found)});
      }
    }
    if (is_first) loop_.Post([this] { TakeLooks(); });
    if (!refused) return;
    seen::Counters::Add(counters_.errors, count);
    (*refused)(std::vector<std::optional<ItemId>>(count));
  }

  void Fill(std::span<const SeenItem> items) EXCLUDES(mutex_) {
    seen::Counters::Add(counters_.fills, items.size());
    bool is_first = false;
    std::size_t taken = 0;
    {
      const MutexLock lock(mutex_);
      is_first = fills_.empty();
      taken = std::min(items.size(), fills_max_ - fills_.size());
      fills_.insert(fills_.end(), items.begin(),
                    items.begin() + static_cast<std::ptrdiff_t>(taken));
    }
    if (is_first && taken > 0) loop_.PostAfter(kFillDelay, [this] { TakeFills(); });
    seen::Counters::Add(counters_.fills_lost, items.size() - taken);
  }

  [[nodiscard]] SeenCacheStatistics Statistics() const { return counters_.Read(); }

 private:
  void Close() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    is_closed_ = true;
  }

  void TakeLooks() EXCLUDES(mutex_) {
    std::vector<seen::LookRequest> looks;
    {
      const MutexLock lock(mutex_);
      looks.swap(looks_);
      look_keys_ = 0;
    }
    engine_.Look(std::move(looks));
  }

  void TakeFills() EXCLUDES(mutex_) {
    taken_fills_.clear();
    {
      const MutexLock lock(mutex_);
      taken_fills_.swap(fills_);
    }
    engine_.Fill(taken_fills_);
  }

  // Constant after construction.
  const std::size_t looks_max_;
  const std::size_t fills_max_;

  // Self-synchronised.
  const SystemClock clock_;
  seen::Counters counters_;
  EventLoop loop_{clock_};
  ThreadExecutor resolver_{"seen-names", 1};  // looks up host names, which blocks

  // The loop's thread's own.
  seen::Engine engine_;
  std::vector<SeenItem> taken_fills_;  // kept for its memory

  Mutex mutex_;
  bool is_closed_ GUARDED_BY(mutex_) = false;
  std::vector<seen::LookRequest> looks_ GUARDED_BY(mutex_);
  std::size_t look_keys_ GUARDED_BY(mutex_) = 0;  // of them
  std::vector<SeenItem> fills_ GUARDED_BY(mutex_);

  std::thread thread_;
};

Result<std::unique_ptr<RedisSeenCache>> RedisSeenCache::Make(const RedisSeenCacheOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  if (auto begun = impl->Begin(options); !begun) return std::unexpected(begun.error());
  return std::unique_ptr<RedisSeenCache>(new RedisSeenCache(std::move(impl)));
}

RedisSeenCache::RedisSeenCache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RedisSeenCache::~RedisSeenCache() = default;

void RedisSeenCache::Look(std::vector<ContentKey> keys, Found found) {
  impl_->Look(std::move(keys), std::move(found));
}
void RedisSeenCache::Fill(std::span<const SeenItem> items) { impl_->Fill(items); }
SeenCacheStatistics RedisSeenCache::Statistics() const { return impl_->Statistics(); }

}  // namespace itemgate
