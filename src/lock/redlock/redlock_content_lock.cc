#include "lock/redlock/redlock_content_lock.h"

#include <utility>

namespace itemgate::redlock {
namespace {

class RedLockLease final : public Lease {
 public:
  explicit RedLockLease(RedLock lock) : lock_(std::move(lock)) {}

  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> Deadline() const override {
    return lock_.deadline();
  }
  [[nodiscard]] std::stop_token LostToken() const override { return lock_.lost_token(); }

 private:
  const RedLock lock_;
};

Result<std::unique_ptr<Lease>> LeaseOf(Result<RedLock> answer) {
  if (!answer) return std::unexpected(answer.error());
  if (answer->IsAcquired()) return std::make_unique<RedLockLease>(*std::move(answer));
  const bool is_taken = answer->status() == RedLockStatus::kConflicted;
  return Fail(is_taken ? ErrorCode::kBusy : ErrorCode::kUnavailable,
              std::string(is_taken ? "somebody else has the lock"
                                   : "no majority of the Redis servers gives the lock") +
                  " (" + answer->instance_summary().ToString() + ")");
}

}  // namespace

void RedLockContentLock::Acquire(std::string_view name, const AcquireOptions& options,
                                 Acquired done) {
  constexpr std::chrono::milliseconds kLookAgain(100);
  auto answered = [done = std::move(done)](Result<RedLock> answer) mutable {
    done(LeaseOf(std::move(answer)));
  };
  RedLockOptions redlock{.expiry = expiry_,
                         .wait = options.wait,
                         .retry = kLookAgain,
                         .deadline = RedLockDeadline::kStrict,
                         .cancellation = options.cancellation};
  factory_.TryLockAsync(name, redlock, std::move(answered));
}

}  // namespace itemgate::redlock
