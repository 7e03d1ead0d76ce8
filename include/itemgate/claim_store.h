#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "itemgate/content_key.h"
#include "itemgate/error.h"
#include "itemgate/item.h"

namespace itemgate {

/// Orders those who hold one claim, one after the other, over crashes and failovers: who takes over has a greater one.
/// Once the claim is gone, the next one of that content begins again: no backend could fence by it.
struct Fence {
  std::int64_t generation = 0;  // of the store
  std::int64_t epoch = 0;       // of the claim within it

  friend auto operator<=>(const Fence&, const Fence&) = default;
};

/// Who is saving a content: one attempt of one server. Two looks at the same holder, with a heartbeat that did not move
/// between them, say that this server may be dead; no clock says more.
struct ClaimHolder {
  std::int64_t attempt = 0;
  Fence fence;
  std::int64_t server = 0;
  std::int64_t heartbeat = 0;  // of that server; moves while it lives

  friend bool operator==(const ClaimHolder&, const ClaimHolder&) = default;
};

/// Names a content in hints; two contents may share one.
[[nodiscard]] inline std::uint64_t ClaimNumber(const ContentKey& key) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8 | key.digest.bytes[i];
  return number;
}

/// How a content stands.
struct ClaimState {
  enum class Kind : std::uint8_t {
    kMine,   // claimed by the attempt that asks: it may go on, under `holder.fence`
    kSaved,  // there is an item: `id`
    kHeld,   // another attempt has it: `holder`
    kParked,  // nobody knows whether the backend saved it, and nobody may send it again; an operator decides
    kNobody,  // neither an item nor a claim
    kRefused,  // the store has another generation than this server: it must be opened anew, and no claim that the
    // attempt may go on with is left
    kResolved,  // as kParked, but an operator says that the backend has it: whoever takes it over may confirm
  };
  Kind kind = Kind::kNobody;
  ItemId id;
  bool created = false;  // kSaved: by the attempt that asks
  // An earlier try was never answered: the store may yet run it, or lose what it did in a failover.
  bool may_come_again = false;
  ClaimHolder holder;
};

/// A store that also arbitrates who may give a content to a slow backend. At any time one attempt is current, and only
/// it can make the item; every change is a compare-and-set on (attempt, fence). A claim ends with its item, or when its
/// attempt says that nothing was sent; never by time.
///
/// Threads: any. Failure: kUnavailable if the call did nothing, kUnknown if nobody knows; the same call with the same
/// attempt finds out. Cost: one round trip each, not blocking; `done` is called once, from a thread of the store.
class ClaimStore {
 public:
  using Done = std::move_only_function<void(Result<ClaimState>)>;

  virtual ~ClaimStore() = default;

  /// The holder that Claim makes for an attempt: this server's number, and its generation. Without a heartbeat.
  [[nodiscard]] virtual ClaimHolder FirstHolder(std::int64_t attempt) const = 0;

  /// Claims the content for an attempt, a positive random number that was never used before, unless it is saved or
  /// held. What is answered as claimed would survive a failover if commits do. kUnsupported: this server may claim
  /// nothing any more, until it is started anew; an earlier try of the attempt may have claimed it.
  virtual void Claim(const ContentKey& key, std::int64_t attempt, Done done) = 0;

  /// Takes the claim from a holder that has not moved; whoever was quicker has it. A parked one stays parked: whoever
  /// takes it may look whether the backend has the content, and confirm that.
  virtual void TakeOver(const ContentKey& key, const ClaimHolder& seen, std::int64_t attempt,
                        Done done) = 0;

  /// The backend has it: makes the item, if the claim is still that of `mine`. `content` and `media_type` must stay
  /// valid until `done` is called.
  virtual void Confirm(const ContentKey& key, const ClaimHolder& mine, std::string_view content,
                       std::string_view media_type, Done done) = 0;

  /// Nobody knows whether the backend has it, and it cannot be asked: the claim stays until an operator resolves it.
  virtual void Park(const ContentKey& key, const ClaimHolder& mine, Done done) = 0;

  /// How the content stands for somebody who has no claim on it. Changes nothing.
  virtual void Look(const ContentKey& key, Done done) = 0;

  /// Nothing was sent to the backend, or it certainly saved nothing: gives the claim up.
  virtual void Release(const ContentKey& key, const ClaimHolder& mine, Done done) = 0;

  /// From now on calls `changed` when a claim may have ended or been parked, on whatever server: with its ClaimNumber,
  /// or with nothing if any may have. A hint only: it may come for nothing, late, or not at all. From any thread; must
  /// be quick, and may come until the store is gone.
  using Changed = std::function<void(std::optional<std::uint64_t>)>;
  virtual void Watch(Changed changed) = 0;
};

}  // namespace itemgate
