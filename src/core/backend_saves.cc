#include "core/backend_saves.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/coroutine.h"

namespace itemgate {
namespace {

/// Whoever died between the backend and the store left an item there and none here: that is why the backend is asked
/// before it is given anything.
Detached SaveUnshared(ItemStore& store, ItemBackend& backend, GroupCommit& group_commit,
                      Insertion& insertion, BackendSaves::Done done) {
  const ContentKey& key = insertion.key;
  const std::string_view content = insertion.content;

  const auto known = store.Find({&key, 1});
  if (!known) co_return done(std::unexpected(known.error()));
  if (known->front()) {
    insertion.id = *known->front();
    co_return done({});
  }

  const Result<std::uint64_t> there = co_await Reply<Result<std::uint64_t>>(
      [&](auto told) { backend.FindItemsWithContent(key, content, std::move(told)); });
  if (!there) co_return done(Fail(ErrorCode::kFailed, there.error().message));
  if (*there == 0) {
    const Result<void> sent = co_await Reply<Result<void>>(
        [&](auto told) { backend.SaveItem(BackendItemOf(insertion), std::move(told)); });
    if (!sent && sent.error().code == ErrorCode::kFailed) co_return done(sent);
    if (!sent) co_return done(Fail(ErrorCode::kUnknown, sent.error().message));
  }
  const Result<void> saved = co_await Reply<Result<void>>(
      [&](auto told) { group_commit.Submit(insertion, std::move(told)); });
  // The backend has it, so "failed" or "rejected" would be untrue.
  if (!saved) co_return done(Fail(ErrorCode::kUnknown, saved.error().message));
  done({});
}

}  // namespace

void UnsharedSaves::Save(Insertion& insertion, Done done) {
  SaveUnshared(store_, backend_, group_commit_, insertion, std::move(done));
}

}  // namespace itemgate
