#include "core/save_way.h"

#include <algorithm>
#include <utility>

#include "core/claimed_saves.h"

namespace itemgate {
namespace {

using Ids = std::vector<std::optional<ItemId>>;

std::vector<Saving*> OwnersOf(SaveCall& call) {
  std::vector<Saving*> owners;
  owners.reserve(call.insertions.size());
  for (Saving& saving : call.savings())
    if (saving.way == Saving::Way::kWithCall) owners.push_back(&saving);
  return owners;
}

std::vector<ContentKey> KeysOf(const std::vector<Saving*>& savings) {
  std::vector<ContentKey> keys;
  keys.reserve(savings.size());
  for (const Saving* saving : savings) keys.push_back(saving->key);
  return keys;
}

/// Keeps a call, and so the service, while a question is asked: the answer may end both before the asking returns.
class Kept {
 public:
  explicit Kept(SaveCall& call) : call_(call) { call_.Retain(); }
  ~Kept() { call_.Release(); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

 private:
  SaveCall& call_;
};

auto Looked(SeenLookups& seen, SaveCall& call, std::vector<ContentKey> keys) {
  return Reply<Ids>([&seen, &call, asked = std::move(keys)](auto told) mutable {
    const Kept kept(call);
    seen.Look(std::move(asked), std::move(told));
  });
}

auto Acquired(ContentGuard& guard, SaveCall& call, std::vector<ContentKey> keys, Duration wait) {
  return Reply<std::vector<Guarded>>([&guard, &call, asked = std::move(keys), wait](auto told) {
    const Kept kept(call);
    guard.Acquire(asked, wait, std::move(told));
  });
}

auto Posted(Executor& executor) {
  return Reply<bool>([&executor](auto told) {
    executor.Post([told = std::move(told)]() mutable { told(true); });
  });
}

std::unique_ptr<BackendSaves> BackendSavesOf(const ServiceParts& parts,
                                             const ServiceOptions& options, CountedBackend* backend,
                                             GroupCommit& group_commit) {
  if (backend == nullptr) return nullptr;
  if (parts.claims == nullptr)
    return std::make_unique<UnsharedSaves>(parts.store, *backend, group_commit);
  return std::make_unique<ClaimedSaves>(
      ClaimedSaves::Parts{.claims = *parts.claims,
                          .backend = *backend,
                          .executor = parts.executor,
                          .clock = parts.clock},
      ClaimedSaves::Options{
          .seed = parts.seed, .lease = options.claim_lease, .horizon = options.claim_horizon});
}

bool UsesLock(const ServiceParts& parts, LockUse use) {
  if (parts.lock == nullptr || use == LockUse::kNone) return false;
  return use == LockUse::kAlways || parts.backend != nullptr;
}

}  // namespace

SaveWay::SaveWay(const ServiceParts& parts, const ServiceOptions& options, Host& host)
    : host_(host),
      store_(parts.store),
      clock_(parts.clock),
      executor_(parts.executor),
      lock_wait_max_(parts.backend != nullptr
                         ? options.lock_wait_max
                         : std::min(options.lock_wait_max, kInsertionLockWaitMax)),
      may_block_(parts.backend != nullptr && parts.claims == nullptr),
      group_commit_(parts.store, parts.committer,
                    {.items_max = options.commit_items_max,
                     .turns_max = options.commits_max,
                     .gather_time = options.commit_gather_time}),
      backend_(parts.backend == nullptr ? nullptr
                                        : std::make_unique<CountedBackend>(*parts.backend)),
      backend_saves_(BackendSavesOf(parts, options, backend_.get(), group_commit_)) {
  if (parts.seen_cache != nullptr)
    seen_.emplace(
        SeenLookups::Parts{
            .cache = *parts.seen_cache, .executor = parts.executor, .clock = parts.clock},
        options.hint_time_max);
  if (UsesLock(parts, options.lock_use))
    guard_.emplace(
        ContentGuard::Parts{.lock = *parts.lock, .executor = parts.executor, .clock = parts.clock},
        options.hint_time_max);
}

void SaveWay::Save(SaveCall& call) {
  if (is_direct()) return group_commit_.Submit(call);
  SaveTogether(call);
}

Bell* SaveWay::SaveOrRun(SaveCall& call) {
  if (is_direct()) return &group_commit_.SubmitOrRun(call);
  SaveTogether(call);
  return nullptr;
}

void SaveWay::SaveAgain(Saving& saving) {
  if (is_direct())
    return group_commit_.Submit(saving.insertion, [this, &saving](const Result<void>& saved) {
      host_.Settle(saving, saved);
    });
  // Posted, for a long line of failing ones must not nest.
  executor_.Post([this, &saving] { SaveAlone(saving, Alone::kFromTheLock); });
}

Detached SaveWay::SaveTogether(SaveCall& call) {
  std::vector<Saving*> owners = OwnersOf(call);
  if (remembers() && seen_->ShouldLook(owners.size())) {
    const Ids found = co_await Looked(*seen_, call, KeysOf(owners));
    SettleFound(owners, found);
  }
  if (backend_saves_ != nullptr) {
    for (Saving* saving : owners) SaveAlone(*saving, Alone::kFromTheLock);
    co_return call.Release();
  }
  if (guard_ && !owners.empty()) {
    std::vector<Guarded> guarded =
        co_await Acquired(*guard_, call, KeysOf(owners), Duration::zero());
    for (Guarded& one : guarded)
      if (one.lease != nullptr) call.leases.push_back(std::move(one.lease));
    PartWithBusy(owners, std::move(guarded));
  }
  if (owners.empty()) co_return call.Release();
  call.insertions.clear();
  for (Saving* saving : owners) call.insertions.push_back(&saving->insertion);
  call.submitted_at = clock_.Now();
  group_commit_.Submit(call);
}

void SaveWay::CallCommitted(SaveCall& call, const Result<void>& result) {
  std::vector<SeenItem> saved;
  for (Saving& saving : call.savings()) {
    if (saving.way != Saving::Way::kWithCall) continue;
    if (seen_ && result) saved.push_back({.key = saving.key, .id = saving.insertion.id});
    host_.Settle(saving, result);
  }
  if (seen_) seen_->Saved(call.insertions.size(), clock_.Now() - call.submitted_at, saved);
  Finish(call.leases);
}

Detached SaveWay::SaveAlone(Saving& saving, Alone from) {
  SaveCall& call = *saving.call;
  call.Retain();  // for what follows Settle
  std::vector<std::unique_ptr<Lease>> leases;
  std::optional<ItemId> found;
  if (guard_) {
    std::vector<Guarded> guarded;
    if (from == Alone::kFromTheLock)
      guarded = co_await Acquired(*guard_, call, std::vector(1, saving.key), Duration::zero());
    if (guarded.empty() || guarded.front().state == Guarded::State::kBusy) {
      guarded = co_await Acquired(*guard_, call, std::vector(1, saving.key), lock_wait_max_);
      // Whoever had it may have saved it.
      if (remembers()) found = (co_await Looked(*seen_, call, std::vector(1, saving.key))).front();
    }
    if (guarded.front().lease != nullptr) leases.push_back(std::move(guarded.front().lease));
  }
  Result<void> saved;
  if (found) {
    saving.insertion.id = *found;
  } else {
    // The lock and the cache answer on threads of their own, which must not block.
    if (may_block_ && (seen_ || guard_)) (void)co_await Posted(executor_);
    const Instant since = clock_.Now();
    saved =
        co_await Reply<Result<void>>([&](auto told) { Store(saving.insertion, std::move(told)); });
    const SeenItem item{.key = saving.key, .id = saving.insertion.id};
    if (seen_) seen_->Saved(1, clock_.Now() - since, std::span(&item, saved.has_value() ? 1 : 0));
  }
  host_.Settle(saving, saved);
  Finish(leases);
  call.Release();
}

void SaveWay::SettleFound(std::vector<Saving*>& owners, const Ids& found) {
  std::size_t left = 0;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    Saving& saving = *owners[i];
    if (!found[i]) {
      owners[left++] = &saving;
      continue;
    }
    saving.way = Saving::Way::kElsewhere;
    saving.insertion.id = *found[i];
    host_.Settle(saving, {});
  }
  owners.resize(left);
}

void SaveWay::PartWithBusy(std::vector<Saving*>& owners, std::vector<Guarded> guarded) {
  std::size_t left = 0;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    Saving& saving = *owners[i];
    if (guarded[i].state != Guarded::State::kBusy) {
      owners[left++] = &saving;
      continue;
    }
    saving.way = Saving::Way::kElsewhere;
    SaveAlone(saving, Alone::kLockIsBusy);
  }
  owners.resize(left);
}

void SaveWay::Store(Insertion& insertion, BackendSaves::Done done) {
  if (backend_saves_ != nullptr) return backend_saves_->Save(insertion, std::move(done));
  group_commit_.Submit(
      insertion, [told = std::move(done)](const Result<void>& saved) mutable { told(saved); });
}

void SaveWay::Finish(std::vector<std::unique_ptr<Lease>>& leases) {
  for (const auto& lease : leases) guard_->Finished(*lease);
  leases.clear();
}

}  // namespace itemgate
