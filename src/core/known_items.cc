#include "core/known_items.h"

#include <string>
#include <utility>

#include "core/save_call.h"
#include "itemgate/claim_store.h"

namespace itemgate {
namespace {

SaveResult NobodySaves() {
  return Refused(Error(ErrorCode::kNotFound,
                       "no item has this content, and nobody is saving it; send the content"));
}

/// How a content stands that another server has begun to save.
SaveResult AnswerOfClaim(const ClaimState& state) {
  using Kind = ClaimState::Kind;
  switch (state.kind) {
    case Kind::kSaved:
      return {.outcome = Outcome::kDuplicate, .id = state.id};
    case Kind::kMine:
    case Kind::kHeld:
      return {.outcome = Outcome::kInProgress};
    case Kind::kParked:
      return Refused(
          Error(ErrorCode::kParked,
                "the backend was perhaps given this content, and nobody knows whether it has it; "
                "an operator decides"));
    case Kind::kResolved:
      return Refused(Error(ErrorCode::kUnknown,
                           "an operator says that the backend has this content; send it again"));
    case Kind::kNobody:
    case Kind::kRefused:
      break;
  }
  return NobodySaves();
}

}  // namespace

std::optional<SaveResult> KnownItems::Recall(const ContentKey& key) {
  const auto id = near_cache_.Find(key);
  if (!id || store_.may_have_lost_items()) return std::nullopt;
  hits_.fetch_add(1, std::memory_order_relaxed);
  return SaveResult{.outcome = Outcome::kDuplicate, .id = *id};
}

/// A save of this process that has ended is in the store; of one that another server has begun there is a claim.
void KnownItems::Ask(const ContentKey& key, Done done) {
  const auto found = store_.Find({&key, 1});
  if (!found) return done(Refused(found.error()));
  if (found->front()) return done({.outcome = Outcome::kDuplicate, .id = *found->front()});
  if (claims_ == nullptr) return done(NobodySaves());
  claims_->Look(key, [done = std::move(done)](const Result<ClaimState>& state) mutable {
    done(state ? AnswerOfClaim(*state) : Refused(state.error()));
  });
}

Result<std::vector<Item>> KnownItems::Find(const ContentKey& key) {
  std::optional<ItemId> id = near_cache_.Find(key);
  if (!id) {
    const auto found = store_.Find({&key, 1});
    if (!found) return std::unexpected(found.error());
    id = found->front();
  }
  std::vector<Item> items;
  if (!id) return items;
  Result<Item> item = store_.Get(*id);
  if (!item) return std::unexpected(item.error());
  if (item->key != key)
    return Fail(ErrorCode::kUnavailable,
                "item " + std::to_string(id->value) +
                    " has another content than this process remembers: a failover may have lost "
                    "items; restart it");
  items.push_back(std::move(*item));
  return items;
}

}  // namespace itemgate
