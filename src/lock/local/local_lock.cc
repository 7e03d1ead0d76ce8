#include "lock/local/local_lock.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"

namespace itemgate {
namespace {

struct Waiter {
  ContentLock::Acquired done;
  TimerId timer{};  // guarded by the table's mutex
  std::optional<std::stop_callback<std::function<void()>>> on_cancel;
};

// Co-owned by its queue and by whoever is about to answer it.
using WaiterRef = std::shared_ptr<Waiter>;

}  // namespace

class LocalLock::Table : public std::enable_shared_from_this<Table> {
 public:
  explicit Table(Executor& executor) : executor_(executor) {}

  void Acquire(std::string_view name, const AcquireOptions& options, Acquired done) EXCLUDES(mu_);
  void Release(const std::string& name) EXCLUDES(mu_);
  void Close() EXCLUDES(mu_);
  [[nodiscard]] std::size_t held_count() const EXCLUDES(mu_) {
    const MutexLock lock(mu_);
    return queues_.size();
  }

 private:
  void SetLimits(const std::string& name, const WaiterRef& waiter, const AcquireOptions& options)
      EXCLUDES(mu_);
  /// Answers it with that failure, if it still waits.
  void GiveUp(const std::string& name, const WaiterRef& waiter, ErrorCode code) EXCLUDES(mu_);
  /// Posted: neither in the caller's call, nor under a lock of the caller's.
  void Answer(WaiterRef waiter, Result<std::unique_ptr<Lease>> answer);

  [[nodiscard]] TimerId TimerOf(const Waiter& waiter) const EXCLUDES(mu_);

  Executor& executor_;
  mutable Mutex mu_;
  std::unordered_map<std::string, std::deque<WaiterRef>> queues_
      GUARDED_BY(mu_);  // one for each name that is held
};

class LocalLock::HeldLease final : public Lease {
 public:
  HeldLease(std::shared_ptr<Table> table, std::string name)
      : table_(std::move(table)), name_(std::move(name)) {}
  ~HeldLease() override { table_->Release(name_); }
  HeldLease(const HeldLease&) = delete;
  HeldLease& operator=(const HeldLease&) = delete;

  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> Deadline() const override {
    return std::nullopt;
  }
  [[nodiscard]] std::stop_token LostToken() const override { return {}; }

 private:
  const std::shared_ptr<Table> table_;
  const std::string name_;
};

void LocalLock::Table::Acquire(std::string_view name, const AcquireOptions& options,
                               Acquired done) {
  if (options.cancellation.stop_requested()) return done(Fail(ErrorCode::kCancelled, "cancelled"));
  std::string key(name);
  WaiterRef waiter;
  bool is_free = false;
  {
    const MutexLock lock(mu_);
    const auto [entry, is_new] = queues_.try_emplace(key);
    is_free = is_new;
    if (!is_new && options.wait > std::chrono::milliseconds::zero()) {
      waiter = std::make_shared<Waiter>();
      waiter->done = std::move(done);
      entry->second.push_back(waiter);
    }
  }
  if (waiter) return SetLimits(key, waiter, options);
  // NOLINTBEGIN(bugprone-use-after-move): only a waiter takes it, and then this is not reached
  if (!is_free) return done(Fail(ErrorCode::kBusy, "somebody else has the lock"));
  done(std::make_unique<HeldLease>(shared_from_this(), std::move(key)));
  // NOLINTEND(bugprone-use-after-move)
}

void LocalLock::Table::SetLimits(const std::string& name, const WaiterRef& waiter,
                                 const AcquireOptions& options) {
  const auto give_up = [table = weak_from_this(), name,
                        weak = std::weak_ptr(waiter)](ErrorCode code) {
    const auto alive = table.lock();
    if (const WaiterRef late = weak.lock(); alive && late) alive->GiveUp(name, late, code);
  };
  const TimerId timer = executor_.PostAfter(options.wait, [give_up] { give_up(ErrorCode::kBusy); });
  {
    const MutexLock lock(mu_);
    waiter->timer = timer;
  }
  if (options.cancellation.stop_possible())
    waiter->on_cancel.emplace(options.cancellation, [give_up] { give_up(ErrorCode::kCancelled); });
}

void LocalLock::Table::GiveUp(const std::string& name, const WaiterRef& waiter, ErrorCode code) {
  {
    const MutexLock lock(mu_);
    const auto found = queues_.find(name);
    if (found == queues_.end() || std::erase(found->second, waiter) == 0) return;
  }
  Answer(waiter, Fail(code, code == ErrorCode::kBusy ? "somebody else has the lock" : "cancelled"));
}

void LocalLock::Table::Answer(WaiterRef waiter, Result<std::unique_ptr<Lease>> answer) {
  executor_.Post([this, table = shared_from_this(), waiter = std::move(waiter),
                  answer = std::move(answer)]() mutable {
    (void)executor_.Cancel(TimerOf(*waiter));
    waiter->done(std::move(answer));
  });
}

TimerId LocalLock::Table::TimerOf(const Waiter& waiter) const {
  const MutexLock lock(mu_);
  return waiter.timer;
}

void LocalLock::Table::Release(const std::string& name) {
  WaiterRef next;
  {
    const MutexLock lock(mu_);
    const auto found = queues_.find(name);
    if (found->second.empty()) {
      queues_.erase(found);
      return;
    }
    next = std::move(found->second.front());
    found->second.pop_front();
  }
  Answer(std::move(next), std::make_unique<HeldLease>(shared_from_this(), name));
}

void LocalLock::Table::Close() {
  std::deque<WaiterRef> waiters;
  {
    const MutexLock lock(mu_);
    for (auto& [name, queue] : queues_) {
      std::ranges::move(queue, std::back_inserter(waiters));
      queue.clear();
    }
  }
  for (WaiterRef& waiter : waiters)
    Answer(std::move(waiter), Fail(ErrorCode::kUnavailable, "the lock is being closed"));
}

LocalLock::LocalLock(Executor& executor) : table_(std::make_shared<Table>(executor)) {}
LocalLock::~LocalLock() { table_->Close(); }

void LocalLock::Acquire(std::string_view name, const AcquireOptions& options, Acquired done) {
  table_->Acquire(name, options, std::move(done));
}

std::size_t LocalLock::held_count() const { return table_->held_count(); }

}  // namespace itemgate
