#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "itemgate/content_key.h"

namespace itemgate {

/// One content on its way, for one caller; lives with the caller's operation. The links belong to the table.
struct InFlightEntry {
  ContentKey key;

 private:
  friend class InFlightTable;
  InFlightEntry* next = nullptr;          // among those that joined the same owner
  InFlightEntry* previous = nullptr;      // so that leaving early is cheap
  InFlightEntry* joined_first = nullptr;  // an owner's list
  InFlightEntry* joined_last = nullptr;
  std::size_t joined_count = 0;  // of that list
  bool joined = false;           // is in an owner's list
};

/// This process's concurrent map from content key to the one running save (the owner) and everyone who joined it.
///
/// An entry enters once and is in the table until Finish hands it back, or until it quits or is passed over by
/// PromoteNext. Safe from any thread. Holds no memory for keys that are not in flight.
class InFlightTable {
 public:
  /// No more than `joined_max` join one owner: who waits for it is walked through, and woken, at once.
  InFlightTable(std::uint64_t seed, std::size_t joined_max);
  ~InFlightTable();

  enum class Entered {
    kOwner,   // nobody is saving this key: the entry is to do it, and to call Finish or PromoteNext
    kJoined,  // the owner's call of Finish will hand it back
    kTaken,   // the key is being saved and the entry did not want to join, or too many have; it is
              // not in the table
  };
  enum class IfTaken { kJoin, kLeave };
  [[nodiscard]] Entered Enter(InFlightEntry& entry, IfTaken if_taken);

  /// Joins whoever owns the entry's key: kJoined; or kTaken; or nothing, if nobody does: it is not in the table.
  [[nodiscard]] std::optional<Entered> Join(InFlightEntry& entry);

  /// Ends the save of the owner's key: takes owner and joined entries out, and calls `each` for every joined one, in
  /// the order in which they came, after the key is free again.
  template <typename Each>
  void Finish(InFlightEntry& owner, Each each) {
    for (InFlightEntry* entry = TakeOut(owner); entry != nullptr;) {
      InFlightEntry* const following = entry->next;  // `each` may end the entry's life
      entry->next = nullptr;
      each(*entry);
      entry = following;
    }
  }

  /// Takes only the owner out and makes the first that joined the new owner, which keeps the others. Null, and the key
  /// is free, if nobody joined.
  [[nodiscard]] InFlightEntry* PromoteNext(InFlightEntry& owner);

  /// Takes a joined entry out because its caller does not wait any longer. False if it is not joined (any more): it
  /// owns its key, or was handed back.
  [[nodiscard]] bool Quit(InFlightEntry& entry);

  /// Keys being saved now.
  [[nodiscard]] std::size_t size() const;

  /// Calls `visit` for each owner with the number of those who joined it. `visit` runs under a lock: it must
  /// only copy, and must not call the table.
  void VisitOwners(
      const std::function<void(const InFlightEntry& owner, std::size_t joined_count)>& visit) const;

 private:
  struct Shard;
  static constexpr std::size_t kShardCount = 64;

  [[nodiscard]] Shard& ShardOf(const ContentKey& key) const;
  [[nodiscard]] Entered AddJoined(InFlightEntry& owner, InFlightEntry& entry) const;
  [[nodiscard]] InFlightEntry* TakeOut(InFlightEntry& owner);

  // Constant after construction.
  const std::size_t joined_max_;
  ContentKeyHash hash_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace itemgate
