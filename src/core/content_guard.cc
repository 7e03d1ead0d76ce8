#include "core/content_guard.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "core/answers.h"

namespace itemgate {
namespace {

using Answer = Result<std::unique_ptr<Lease>>;

// A lock on many servers has so much more to do for each further name.
constexpr Duration kTimeForEachFurther = std::chrono::microseconds(100);

void Ask(ContentLock& lock, const std::string& name, std::chrono::milliseconds wait,
         std::move_only_function<void(Answer)> told) {
  // Co-owned by the call, and by whoever answers it.
  const auto answer = std::make_shared<std::move_only_function<void(Answer)>>(std::move(told));
  try {
    lock.Acquire(name, {.wait = wait}, [answer](Answer given) { (*answer)(std::move(given)); });
  } catch (const std::exception& error) {
    (*answer)(Fail(ErrorCode::kUnavailable, error.what()));
  } catch (...) {
    (*answer)(Fail(ErrorCode::kUnavailable, "the lock threw what is no exception"));
  }
}

}  // namespace

bool LockBreaker::MayAsk(Instant now) {
  const MutexLock lock(mutex_);
  if (failures_ < kFailuresMax) return true;
  if (now < next_) return false;
  next_ = now + kPause;
  return true;
}

void LockBreaker::Answered() {
  const MutexLock lock(mutex_);
  failures_ = 0;
}

void LockBreaker::Failed(Instant now) {
  const MutexLock lock(mutex_);
  if (++failures_ >= kFailuresMax) next_ = now + kPause;
}

void ContentGuard::Acquire(std::span<const ContentKey> keys, Duration wait, Done done) {
  if (!breaker_.MayAsk(parts_.clock.Now())) {
    Count(skipped_, keys.size());
    return done(std::vector<Guarded>(keys.size()));
  }
  std::vector<std::string> names;
  names.reserve(keys.size());
  for (const ContentKey& key : keys) names.push_back(NameOf(key));
  const Duration time =
      wait + time_max_ + kTimeForEachFurther * static_cast<std::int64_t>(keys.size() - 1);
  const auto answers = Answers<Answer>::Await(
      parts_.executor, time, keys.size(),
      [this, told = std::move(done)](std::vector<std::optional<Answer>> all) mutable {
        told(Take(std::move(all)));
      });
  for (std::size_t i = 0; i < names.size(); ++i)
    Ask(parts_.lock, names[i], std::chrono::ceil<std::chrono::milliseconds>(wait),
        [answers, i](Answer answer) { answers->Put(i, std::move(answer)); });
}

std::vector<Guarded> ContentGuard::Take(std::vector<std::optional<Answer>> answers) {
  std::vector<Guarded> guarded;
  guarded.reserve(answers.size());
  bool has_answered = false;
  for (std::optional<Answer>& answer : answers) {
    Guarded& one = guarded.emplace_back();
    if (answer && *answer && **answer != nullptr) {
      one = {.state = Guarded::State::kMine, .lease = *std::move(*answer)};
      Count(acquired_);
    } else if (answer && !*answer && answer->error().code == ErrorCode::kBusy) {
      one.state = Guarded::State::kBusy;
      Count(busy_);
    } else {
      Count(unavailable_);
    }
    has_answered = has_answered || one.state != Guarded::State::kUnguarded;
  }
  if (has_answered)
    breaker_.Answered();
  else
    breaker_.Failed(parts_.clock.Now());
  return guarded;
}

void ContentGuard::Finished(const Lease& lease) {
  if (lease.LostToken().stop_requested()) Count(lost_);
}

LockStatistics ContentGuard::Statistics() const {
  return {.acquired = acquired_.load(std::memory_order_relaxed),
          .busy = busy_.load(std::memory_order_relaxed),
          .unavailable = unavailable_.load(std::memory_order_relaxed),
          .skipped = skipped_.load(std::memory_order_relaxed),
          .lost = lost_.load(std::memory_order_relaxed)};
}

std::string ContentGuard::NameOf(const ContentKey& key) {
  return std::string(key.scope.name()) + "/" + key.digest.ToHex();
}

}  // namespace itemgate
