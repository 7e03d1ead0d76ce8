#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "lock/redlock/latch.h"
#include "lock/redlock/loop_thread.h"
#include "lock/redlock/server_address.h"

namespace itemgate {

using redlock::EngineOptions;
using redlock::Latch;
using redlock::LockEntry;
using redlock::LoopThread;
using redlock::Plan;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kShortest(10);
constexpr milliseconds kLongest = std::chrono::days(365);  // far from where sums overflow
constexpr std::string_view kPlaceholder = "{0}";
constexpr std::size_t kResourceBytesMax = 64 << 10;

Result<void> CheckOptions(std::string_view resource, const RedLockOptions& options) {
  const auto wrong = [](std::string_view what) {
    return Fail(ErrorCode::kInvalidArgument, std::string(what));
  };
  if (resource.empty()) return wrong("a lock needs a name");
  if (resource.size() > kResourceBytesMax)
    return Fail(ErrorCode::kTooLarge, "the name of a lock has at most 64 KiB; use a digest of it");
  if (options.expiry <= milliseconds::zero()) return wrong("expiry must be above 0");
  for (const milliseconds duration :
       {options.expiry, options.wait, options.retry, options.hold_max, options.lost_margin}) {
    if (duration < milliseconds::zero()) return wrong("a duration must not be negative");
    if (duration > kLongest) return wrong("a duration must not exceed a year");
  }
  return {};
}

Result<void> CheckKeyFormat(const std::string& format) {
  const auto wrong = [&format](std::string_view what) {
    return Fail(ErrorCode::kInvalidArgument,
                "the key format \"" + format + "\" " + std::string(what));
  };
  const std::size_t place = format.find(kPlaceholder);
  if (place == std::string::npos) return wrong("has no {0}, so that all locks would be one");
  // Other libraries would make other keys of these.
  if (format.find(kPlaceholder, place + 1) != std::string::npos) return wrong("has {0} twice");
  if (format.find("{{") != std::string::npos || format.find("}}") != std::string::npos)
    return wrong("has doubled braces, which not all libraries read alike");
  return {};
}

Result<redis::ConnectionSettings> VoteOf(const RedLockEndPoint& end_point,
                                         const RedLockFactoryOptions& options) {
  if (auto format = CheckKeyFormat(end_point.redis_key_format); !format)
    return std::unexpected(format.error());
  auto vote = redlock::ParseVote(end_point.end_points);
  if (!vote) return vote;
  redis::NodeOptions& node = vote->node;
  if (end_point.redis_database >= 0) node.greeting.database = end_point.redis_database;
  if (node.greeting.client_name.empty()) node.greeting.client_name = options.client_name;
  vote->sentinel_greeting.client_name = node.greeting.client_name;
  node.call_timeout = std::max<Duration>(node.call_timeout, options.node_timeout);
  node.seed = UnpredictableSeed();
  if (!node.tls) {
    if (end_point.tls_ca_file.empty() && end_point.tls_certificate_file.empty() &&
        end_point.tls_key_file.empty())
      return vote;
    return Fail(ErrorCode::kInvalidArgument,
                "an end point with TLS files must say so in its text: ssl=true, or rediss://");
  }
  const auto prefer = [](std::string& file, const std::string& given) {
    if (!given.empty()) file = given;
  };
  prefer(node.tls->ca_file, end_point.tls_ca_file);
  prefer(node.tls->certificate_file, end_point.tls_certificate_file);
  prefer(node.tls->key_file, end_point.tls_key_file);
  return vote;
}

/// "host:port", "host:port,other:port", "main@sentinel:port,…"
std::string NameOf(const redis::ConnectionSettings& vote) {
  std::string name;
  for (const Endpoint& endpoint : vote.endpoints)
    name.append(name.empty() ? "" : ",").append(endpoint.ToString());
  return vote.service_name.empty() ? name : vote.service_name + "@" + name;
}

}  // namespace

class RedLockFactory::Impl {
 public:
  Impl(RedLockFactoryOptions options, std::string key_format, int node_count,
       std::shared_ptr<LoopThread> thread)
      : options_(std::move(options)),
        key_format_(std::move(key_format)),
        node_count_(node_count),
        thread_(std::move(thread)) {}

  ~Impl() { thread_->Close(std::chrono::seconds(1)); }

  void Begin(std::string_view resource, const RedLockOptions& options, int attempts, Done done) {
    if (auto checked = CheckOptions(resource, options); !checked)
      return done(std::unexpected(checked.error()));
    auto entry = std::make_shared<LockEntry>(std::string(resource), KeyOf(resource),
                                             PlanOf(options, attempts), thread_->engine().random());
    entry->home = thread_;
    entry->done = std::move(done);
    entry->on_lost = options.on_lost;
    entry->cancellation = options.cancellation;
    (void)thread_->Post(
        [engine = &thread_->engine(), entry = std::move(entry)] { engine->Begin(entry); });
  }

  /// Begins each and waits for all.
  std::vector<Result<RedLock>> BeginAndWait(std::span<const std::string> resources,
                                            const RedLockOptions& options, int attempts) {
    ITEMGATE_CHECK(!thread_->OnThread());  // which is to answer
    std::vector<Result<RedLock>> locks;
    for (std::size_t i = 0; i < resources.size(); ++i)
      locks.push_back(Fail(ErrorCode::kUnavailable, "not answered"));
    Latch latch(resources.size());
    for (std::size_t i = 0; i < resources.size(); ++i) {
      Begin(resources[i], options, attempts, [&locks, &latch, i](Result<RedLock> lock) {
        locks[i] = std::move(lock);
        latch.CountDown();
      });
    }
    latch.Wait();
    return locks;
  }

  Result<RedLock> BeginAndWait(std::string_view resource, const RedLockOptions& options,
                               int attempts) {
    ITEMGATE_CHECK(!thread_->OnThread());
    std::optional<Result<RedLock>> answer;
    Latch latch(1);
    Begin(resource, options, attempts, [&](Result<RedLock> lock) {
      answer.emplace(std::move(lock));
      latch.CountDown();
    });
    latch.Wait();
    return *std::move(answer);
  }

  std::vector<RedLockInstance> Instances() const {
    ITEMGATE_CHECK(!thread_->OnThread());
    std::vector<RedLockInstance> instances;
    Latch latch(1);
    (void)thread_->Post([&] {
      instances = thread_->engine().Instances();
      latch.CountDown();
    });
    latch.Wait();
    return instances;
  }

  void WaitUntilConnected(Duration wait_max) {
    Latch latch(1);
    (void)thread_->Post(
        [&] { thread_->engine().CallWhenConnected(wait_max, [&latch] { latch.CountDown(); }); });
    latch.Wait();
  }

  [[nodiscard]] int attempts() const { return options_.retry.count; }
  [[nodiscard]] int quorum() const { return node_count_ / 2 + 1; }

 private:
  [[nodiscard]] std::string KeyOf(std::string_view resource) const {
    std::string key = key_format_;
    return key.replace(key.find(kPlaceholder), kPlaceholder.size(), resource);
  }

  [[nodiscard]] Plan PlanOf(const RedLockOptions& options, int attempts) const {
    Plan plan = redlock::PlanFor(node_count_, std::max(options.expiry, kShortest));
    plan.attempts = attempts;
    plan.attempt_delay = options_.retry.delay;
    if (options_.node_timeout > milliseconds::zero()) plan.node_timeout = options_.node_timeout;
    plan.wait = options.wait;
    if (options.retry > milliseconds::zero()) plan.retry = std::max(options.retry, kShortest);
    plan.deadline = options.deadline;
    plan.renew = options.renew;
    plan.hold_max = options.hold_max;
    plan.missing_key = options.missing_key;
    if (options.lost_margin > milliseconds::zero())
      plan.lost_margin = std::min<Duration>(options.lost_margin, plan.expiry / 2);
    return plan;
  }

  // Constant after construction; the thread synchronises itself.
  const RedLockFactoryOptions options_;
  const std::string key_format_;
  const int node_count_;
  const std::shared_ptr<LoopThread>
      thread_;  // co-owned for moments by locks that are being released
};

Result<std::unique_ptr<RedLockFactory>> RedLockFactory::Create(
    std::vector<RedLockEndPoint> end_points, RedLockFactoryOptions options) {
  const auto wrong = [](std::string what) {
    return Fail(ErrorCode::kInvalidArgument, std::move(what));
  };
  if (end_points.empty())
    return wrong("there are no end points; give an odd number of Redis servers");
  if (end_points.size() > redlock::kNodesMax) return wrong("more than 31 end points");
  if (options.retry.count < 1) return wrong("the retry count must be at least 1");
  if (options.retry.delay < kShortest) return wrong("the retry delay must be at least 10 ms");
  if (options.uptime_min < std::chrono::seconds::zero() || options.uptime_min > kLongest)
    return wrong("uptime_min must be between 0 and a year");
  std::vector<redis::ConnectionSettings> votes;
  EngineOptions engine{.id_style = options.id_style,
                       .publish_releases = options.publish_releases,
                       .on_configuration_changed = options.on_configuration_changed};
  for (const RedLockEndPoint& end_point : end_points) {
    auto vote = VoteOf(end_point, options);
    if (!vote) return std::unexpected(vote.error());
    if (end_point.redis_key_format != end_points.front().redis_key_format)
      return wrong("every end point must have the same key format");
    engine.end_points.push_back(NameOf(*vote));
    votes.push_back(*std::move(vote));
  }
  auto thread = LoopThread::Make(std::move(engine), votes, options.uptime_min);
  if (!thread) return std::unexpected(thread.error());
  const milliseconds connect_wait = options.connect_wait;
  auto impl = std::make_unique<Impl>(std::move(options), end_points.front().redis_key_format,
                                     static_cast<int>(votes.size()), *std::move(thread));
  impl->WaitUntilConnected(connect_wait);
  return std::unique_ptr<RedLockFactory>(new RedLockFactory(std::move(impl)));
}

RedLockFactory::RedLockFactory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RedLockFactory::~RedLockFactory() = default;

Result<RedLock> RedLockFactory::CreateLock(std::string_view resource, milliseconds expiry) {
  return CreateLock(resource, RedLockOptions{.expiry = expiry});
}

Result<RedLock> RedLockFactory::CreateLock(std::string_view resource, milliseconds expiry,
                                           milliseconds wait, milliseconds retry,
                                           std::stop_token cancellation) {
  return CreateLock(
      resource,
      RedLockOptions{
          .expiry = expiry, .wait = wait, .retry = retry, .cancellation = std::move(cancellation)});
}

Result<RedLock> RedLockFactory::CreateLock(std::string_view resource,
                                           const RedLockOptions& options) {
  return impl_->BeginAndWait(resource, options, impl_->attempts());
}

Result<RedLock> RedLockFactory::TryLock(std::string_view resource, const RedLockOptions& options) {
  return impl_->BeginAndWait(resource, options, 1);
}

std::vector<Result<RedLock>> RedLockFactory::CreateLocks(std::span<const std::string> resources,
                                                         const RedLockOptions& options) {
  return impl_->BeginAndWait(resources, options, impl_->attempts());
}

void RedLockFactory::CreateLockAsync(std::string_view resource, const RedLockOptions& options,
                                     Done done) {
  impl_->Begin(resource, options, impl_->attempts(), std::move(done));
}

void RedLockFactory::TryLockAsync(std::string_view resource, const RedLockOptions& options,
                                  Done done) {
  impl_->Begin(resource, options, 1, std::move(done));
}

std::vector<RedLockInstance> RedLockFactory::Instances() const { return impl_->Instances(); }
int RedLockFactory::quorum() const { return impl_->quorum(); }

}  // namespace itemgate
