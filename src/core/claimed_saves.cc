#include "core/claimed_saves.h"

#include <algorithm>
#include <string>
#include <utility>

namespace itemgate {
namespace {

using Kind = ClaimState::Kind;

auto Asked(auto call) { return Reply<Result<ClaimState>>(std::move(call)); }

auto Paused(Executor& executor, Duration time) {
  return Reply<bool>([&executor, time](auto done) {
    executor.PostAfter(time, [done = std::move(done)]() mutable { done(true); });
  });
}

void Fill(Insertion& insertion, const ClaimState& saved) {
  insertion.id = saved.id;
  insertion.created = saved.created;
}

constexpr std::string_view kRefusedText =
    "the database has another generation than at the start: a failover may have lost what this "
    "process remembers; restart it";

constexpr std::string_view kParkedText =
    "the backend was perhaps given this content by a server that is gone, and does not have it "
    "now; it is parked until the backend has it, or an operator resolves it";

constexpr std::string_view kTooEarlyText =
    "this server was started after a failover of the database, and what was sent before that may "
    "still be on its way to the backend; send it again later";

}  // namespace

ClaimedSaves::ClaimedSaves(const Parts& parts, const Options& options)
    : parts_(parts),
      options_(options),
      start_(parts.clock.Now()),
      watchers_(std::make_shared<ClaimWatchers>(parts.executor)),
      late_claims_(std::make_shared<LateClaims>(
          LateClaims::Parts{.claims = parts.claims, .executor = parts.executor},
          LateClaims::Options{.pause_min = options.poll_max, .pause_max = options.horizon})),
      random_(options.seed) {
  parts.claims.Watch([watchers = watchers_](auto number) { watchers->Changed(number); });
}

Detached ClaimedSaves::Acquire(Insertion& insertion, Done done, bool is_there) {
  Attempt mine{.number = NewAttempt(), .is_there = is_there};
  const std::int64_t attempt = mine.number;
  const ContentKey& key = insertion.key;
  ClaimWatchers::Watch watch(watchers_, key);
  ClaimHolder seen;
  Instant seen_since{};
  Instant looked_at{};
  Duration pause = options_.poll_min;
  while (true) {
    Result<ClaimState> state =
        co_await Asked([&](auto told) { parts_.claims.Claim(key, attempt, std::move(told)); });
    if (!state) {
      mine.in_doubt = mine.in_doubt || state.error().code == ErrorCode::kUnknown;
      // A claim that may be there must be found, or ours would hold it for as long as this server lives.
      if ((!mine.in_doubt && mine.taken_epoch == 0) ||
          state.error().code == ErrorCode::kUnsupported)
        co_return GiveUp(key, mine, std::move(done), state.error());
      (void)co_await Paused(parts_.executor, pause);
      continue;
    }
    mine.in_doubt = mine.in_doubt || state->may_come_again;
    const Instant now = parts_.clock.Now();
    // A holder that nobody could look at meanwhile may have moved all the time.
    if (state->holder != seen || now - looked_at > 2 * options_.poll_max) {
      seen = state->holder;
      seen_since = now;
    }
    looked_at = now;
    if (state->kind == Kind::kHeld && late_claims_->IsReleased(seen)) {
      state = co_await Asked([&](auto told) { parts_.claims.Release(key, seen, std::move(told)); });
      if (!state) (void)co_await Paused(parts_.executor, pause);
      continue;
    }
    const bool looks_dead = state->kind == Kind::kHeld && now - seen_since >= options_.lease;
    if (state->kind == Kind::kParked || state->kind == Kind::kResolved || looks_dead ||
        IsLeftOver(*state)) {
      state = co_await Asked(
          [&](auto told) { parts_.claims.TakeOver(key, seen, attempt, std::move(told)); });
      if (!state) {
        if (state.error().code == ErrorCode::kUnknown) mine.taken_epoch = seen.fence.epoch + 1;
        (void)co_await Paused(parts_.executor, pause);
        pause = std::min(2 * pause, options_.poll_max);
        continue;
      }
    }
    if (state->kind == Kind::kSaved) {
      Fill(insertion, *state);
      co_return End(attempt, std::move(done), {});
    }
    if (state->kind == Kind::kRefused)
      co_return End(attempt, std::move(done),
                    Fail(is_there ? ErrorCode::kUnknown : ErrorCode::kUnavailable,
                         std::string(kRefusedText)));
    if (state->holder.attempt == attempt) {
      if (is_there || state->kind == Kind::kResolved)
        Confirm(insertion, state->holder, std::move(done));
      else
        Call(insertion, state->holder, mine.in_doubt, std::move(done));
      co_return;
    }
    if (!co_await watch.Pause(pause)) pause = std::min(2 * pause, options_.poll_max);
  }
}

void ClaimedSaves::GiveUp(const ContentKey& key, const Attempt& mine, Done done, const Error& why) {
  ClaimHolder holder = parts_.claims.FirstHolder(mine.number);
  if (mine.in_doubt && mine.is_there) late_claims_->Park(key, holder);
  if (mine.in_doubt && !mine.is_there) late_claims_->Release(key, holder);
  holder.fence.epoch = mine.taken_epoch;
  if (mine.taken_epoch != 0) late_claims_->Park(key, holder);

  ErrorCode code = why.code;
  if (code == ErrorCode::kUnsupported) code = ErrorCode::kUnavailable;  // not by the caller's doing
  if (mine.in_doubt || mine.taken_epoch != 0 || mine.is_there) code = ErrorCode::kUnknown;
  End(mine.number, std::move(done), Fail(code, why.message));
}

Detached ClaimedSaves::Insist(Ask ask, std::move_only_function<void(ClaimState)> told) {
  bool in_doubt = false;
  Result<ClaimState> state = co_await Asked([&](auto done) { ask(std::move(done)); });
  while (!state) {
    in_doubt = in_doubt || state.error().code == ErrorCode::kUnknown;
    (void)co_await Paused(parts_.executor, options_.poll_max);
    state = co_await Asked([&](auto done) { ask(std::move(done)); });
  }
  state->may_come_again = state->may_come_again || in_doubt;
  told(*state);
}

auto ClaimedSaves::Insisted(Ask ask) {
  return Reply<ClaimState>(
      [this, ask = std::move(ask)](auto told) mutable { Insist(std::move(ask), std::move(told)); });
}

/// Goes on with a claim that is ours.
Detached ClaimedSaves::Call(Insertion& insertion, ClaimHolder mine, bool in_doubt, Done done) {
  const ContentKey& key = insertion.key;
  const bool is_first = mine.fence.epoch == 1;
  const bool is_early = is_first && IsEarly(mine);
  const Result<std::uint64_t> there = co_await Reply<Result<std::uint64_t>>([&](auto told) {
    parts_.backend.FindItemsWithContent(key, insertion.content, std::move(told));
  });
  Result<void> sent;
  bool is_there = there && *there > 0;
  if (is_there) {
    // That is all there was to do.
  } else if (is_early) {
    sent = Fail(ErrorCode::kUnavailable, std::string(kTooEarlyText));
  } else if (!there) {
    sent = Fail(is_first ? ErrorCode::kFailed : ErrorCode::kUnknown, there.error().message);
  } else if (!is_first) {
    sent = Fail(ErrorCode::kUnknown, std::string(kParkedText));
  } else {
    sent = co_await Reply<Result<void>>(
        [&](auto told) { parts_.backend.SaveItem(BackendItemOf(insertion), std::move(told)); });
    is_there = sent.has_value();
  }

  if (is_there) {
    Confirm(insertion, mine, std::move(done));
    co_return;
  }
  if (is_early || sent.error().code == ErrorCode::kFailed) {
    const ClaimState left =
        co_await Insisted([&](auto told) { parts_.claims.Release(key, mine, std::move(told)); });
    // A release that is asked again finds nothing to write, and so does not wait for the standby either.
    if (in_doubt || left.may_come_again) late_claims_->Release(key, mine);
    if (left.kind == Kind::kNobody)
      co_return End(mine.attempt, std::move(done), std::unexpected(sent.error()));
    // It was taken over meanwhile, by somebody who cannot know that nothing was sent.
    co_return End(mine.attempt, std::move(done), Fail(ErrorCode::kUnknown, sent.error().message));
  }
  (void)co_await Insisted([&](auto told) { parts_.claims.Park(key, mine, std::move(told)); });
  const bool is_for_operator = !is_first && there;
  End(mine.attempt, std::move(done),
      Fail(is_for_operator ? ErrorCode::kParked : ErrorCode::kUnknown, sent.error().message));
}

/// The backend has it.
Detached ClaimedSaves::Confirm(Insertion& insertion, ClaimHolder mine, Done done) {
  const ContentKey& key = insertion.key;
  const ClaimState state = co_await Insisted([&](auto told) {
    parts_.claims.Confirm(key, mine, insertion.content, insertion.media_type, std::move(told));
  });
  if (state.kind != Kind::kSaved) {  // taken over meanwhile: its holder finds it in the backend
    Forget(mine.attempt);
    Acquire(insertion, std::move(done), /*is_there=*/true);
    co_return;
  }
  Fill(insertion, state);
  End(mine.attempt, std::move(done), {});
}

bool ClaimedSaves::IsEarly(const ClaimHolder& mine) const {
  return mine.fence.generation > 1 && parts_.clock.Now() - start_ < options_.horizon;
}

std::int64_t ClaimedSaves::NewAttempt() {
  const MutexLock lock(mutex_);
  const auto attempt = static_cast<std::int64_t>(random_.Next() >> 2) + 1;
  running_.insert(attempt);
  return attempt;
}

bool ClaimedSaves::IsLeftOver(const ClaimState& state) {
  if (state.kind != Kind::kHeld || state.holder.server != parts_.claims.FirstHolder(0).server)
    return false;
  const MutexLock lock(mutex_);
  return !running_.contains(state.holder.attempt);
}

void ClaimedSaves::Forget(std::int64_t attempt) {
  const MutexLock lock(mutex_);
  running_.erase(attempt);
}

void ClaimedSaves::End(std::int64_t attempt, Done done, Result<void> result) {
  Forget(attempt);
  done(std::move(result));
}

}  // namespace itemgate
