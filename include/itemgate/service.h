#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/backend.h"
#include "itemgate/error.h"
#include "itemgate/item.h"
#include "itemgate/save_result.h"
#include "itemgate/seen_cache.h"
#include "itemgate/store.h"

namespace itemgate {

class ClaimStore;
class Clock;
class ContentLock;
class Executor;

/// What becomes of a content that is being saved already when a call brings it.
enum class IfInFlight {
  kJoin,  // wait for that save and answer as it ends; if it fails, this call may become the one that saves
  kReject,  // answer kInProgress at once
};

/// What becomes of a content that this process does not know as saved.
enum class IfNew {
  kSave,
  kRefuse,  // answer kUnavailable and begin nothing: for servers that have too much to do
};

/// How one call wants its contents saved.
struct SaveOptions {
  Scope scope;
  std::string_view media_type;  // kept with the item; at most kMediaTypeBytesMax bytes
  IfInFlight if_in_flight = IfInFlight::kJoin;
  IfNew if_new = IfNew::kSave;
  std::string_view sender;  // who asks, for InFlightSaves; kept while the save is in flight

  /// How long to wait; after it, what has no answer yet is answered kInProgress, and its save goes on. Nothing: until
  /// the answer is known, which spares a copy of the contents in the blocking calls.
  std::optional<std::chrono::nanoseconds> wait_max = std::nullopt;
};

/// No content can be longer, whatever the options say: the embedded store writes one commit at once.
inline constexpr std::size_t kContentBytesLimit = std::size_t{1} << 30;

/// When a content is locked while it is saved, so that servers do not do the same work at once. Never what makes a save
/// right: that is the store's word.
enum class LockUse {
  kNone,
  kAuto,    // only where it saves more than it costs: with a backend
  kAlways,  // also around an insertion into the store
};

struct ServiceOptions {
  // Limits; reaching one is answered kRejected (the content) or kUnavailable (the service).
  std::size_t content_bytes_max = 16 << 20;  // of one content; at most kContentBytesLimit
  std::size_t batch_items_max = 100'000;     // of one call
  std::size_t in_flight_max = 1'000'000;     // contents being saved, and those waiting for them
  std::size_t in_flight_bytes_max = std::size_t{4} << 30;  // of those contents together
  std::size_t waiters_max = 100'000;  // for one content; others are answered kInProgress at once

  // Performance.
  std::size_t near_cache_keys = 1 << 20;  // remembered keys, at most 60 bytes each; 0: no cache
  std::size_t commit_items_max = 8192;    // gathered into one store insertion
  std::size_t commits_max = 1;  // large ones at a time; more pay if the store is another process
  /// How long a store insertion that follows another one waits for those who were answered by that, and come again:
  /// pays where insertions take much longer, and take turns with those of other servers.
  std::chrono::nanoseconds commit_gather_time{};

  // A backend that servers share: when to try what. No promise depends on these.
  std::chrono::nanoseconds claim_lease =
      std::chrono::seconds(10);  // a holder whose server did not move for so long is taken for dead
  std::chrono::nanoseconds claim_horizon =
      std::chrono::seconds(60);  // how long a call of before a failover may still take effect

  // Of the lock and the seen cache, if there are any. Neither can hold a save up for longer.
  LockUse lock_use = LockUse::kAuto;
  /// How long to wait for whoever has the lock of a content; without a backend at most kInsertionLockWaitMax.
  std::chrono::nanoseconds lock_wait_max = std::chrono::seconds(1);
  /// How long a lock or the cache may take to answer before it is gone on without.
  std::chrono::nanoseconds hint_time_max = std::chrono::milliseconds(20);
};
inline constexpr std::chrono::nanoseconds kInsertionLockWaitMax = std::chrono::milliseconds(20);

/// What the service is made of. All must outlive it; `backend` may be null.
struct ServiceParts {
  ItemStore& store;
  ItemBackend* backend;
  const Clock& clock;
  Executor& executor;              // deadlines and the backend's continuations
  Executor& committer;             // runs store insertions that no caller runs itself
  std::uint64_t seed;              // of the in-process tables' hash, and of the names of attempts
  std::function<void()> on_saved;  // see OpenOptions; may be empty
  ClaimStore* claims =
      nullptr;  // of the same store, if other processes give contents to the backend, too
  SeenCache* seen_cache = nullptr;  // these two save work, and may be null
  ContentLock* lock = nullptr;
};

/// A content that is being saved now.
struct InFlightSave {
  ContentKey key;
  WallTime since;
  std::string sender;       // who brought it first, as SaveOptions::sender said
  std::size_t waiters = 0;  // calls that joined it
};

/// How the lock was used, by contents.
struct LockStatistics {
  std::uint64_t acquired = 0;
  std::uint64_t busy = 0;         // somebody else had it: waited for
  std::uint64_t unavailable = 0;  // asked, and no answer, or none that helps
  std::uint64_t skipped = 0;      // not asked, for it had not answered those before
  std::uint64_t lost = 0;         // before the work was done
};

/// What the backend said, by contents.
struct BackendStatistics {
  std::uint64_t saved = 0;
  std::uint64_t failed = 0;   // certainly not saved
  std::uint64_t unknown = 0;  // nobody knows whether it was saved

  // When it was asked whether it has one.
  std::uint64_t found = 0;
  std::uint64_t found_twice = 0;  // of these: it has it more than once
  std::uint64_t absent = 0;
  std::uint64_t not_told = 0;
};

struct ServiceStatistics {
  std::uint64_t created = 0;
  std::uint64_t duplicates = 0;  // joined saves included
  std::uint64_t joined = 0;
  std::uint64_t in_progress = 0;
  std::uint64_t refused = 0;  // rejected, failed, unknown and unavailable
  std::uint64_t near_cache_hits = 0;
  std::uint64_t in_flight = 0;       // contents under way now: being saved, or waiting for that
  std::uint64_t in_flight_peak = 0;  // the most there ever were at once
  std::uint64_t commits = 0;         // store insertions; each serves many saves
  SeenCacheStatistics seen_cache;
  LockStatistics lock;
  BackendStatistics backend;
};

/// Saves each distinct content exactly once.
///
/// Third parties send items concurrently, repeatedly and without waiting; for one (scope, content) at most one item is
/// ever saved, every success carries the same id, and different contents never wait for each other.
///
/// Threads: every method may be called from any thread, with one exception: from within a callback (`done`, or a
/// backend's) only calls that do not wait, for others may wait for the thread it runs on. Failure: answers are values,
/// one for each content. Closing: the destructor refuses new saves and waits for the running ones; not from a callback.
class ItemIntegrationService {
 public:
  using SaveDone = std::move_only_function<void(SaveResult)>;
  using SaveAllDone = std::move_only_function<void(std::vector<SaveResult>)>;

  ItemIntegrationService(ServiceParts parts, ServiceOptions options);
  ~ItemIntegrationService();
  ItemIntegrationService(const ItemIntegrationService&) = delete;
  ItemIntegrationService& operator=(const ItemIntegrationService&) = delete;

  /// Saves one content and waits for the answer. A known duplicate costs no I/O, a new content one shared sync.
  [[nodiscard]] SaveResult SaveItem(std::string_view content, const SaveOptions& options = {});

  /// Saves independent contents, in one sync where the store can, and waits. One answer each, in their order; repeats
  /// within the batch are joined onto the first.
  [[nodiscard]] std::vector<SaveResult> SaveItems(std::span<const std::string_view> contents,
                                                  const SaveOptions& options = {});

  /// The same without waiting: returns at once and calls `done` exactly once, from any thread, perhaps before
  /// returning. The save does not depend on anybody waiting for it. A known duplicate is answered before returning, and
  /// its content is not copied. Returns the content's key, for AwaitSaveAsync; nothing if the content is refused.
  std::optional<ContentKey> SaveItemAsync(std::string_view content, const SaveOptions& options,
                                          SaveDone done);
  void SaveItemsAsync(std::vector<std::string> contents, const SaveOptions& options,
                      SaveAllDone done);

  /// Waits for whoever is saving the content of that key, without offering the content: `done` is called as by
  /// SaveItemAsync, with kDuplicate if the item is saved, kInProgress after `wait_max` (zero: tells how it stands), or
  /// at once if another server gives it to the backend; otherwise the error of the save; kNotFound if no item has the
  /// key and nobody is saving it. May block on the disk.
  void AwaitSaveAsync(const ContentKey& key, std::chrono::nanoseconds wait_max, SaveDone done);

  /// Answers now everyone who waits for an asynchronous call; what is not known yet is kInProgress, and its save goes
  /// on. For shutting down within a time. How many calls there were.
  std::size_t StopWaiting();

  /// For each key the id of its saved item, or nothing. A digest and a scope are enough of a key.
  [[nodiscard]] Result<std::vector<std::optional<ItemId>>> FindIds(
      std::span<const ContentKey> keys);

  /// What is being saved now, the oldest first; at most `saves_max`.
  [[nodiscard]] std::vector<InFlightSave> InFlightSaves(std::size_t saves_max) const;

  /// The saved items with that content: one, or none.
  [[nodiscard]] Result<std::vector<Item>> FindItemsWithContent(std::string_view content,
                                                               Scope scope = {});

  /// The item of that id; kNotFound if there is none.
  [[nodiscard]] Result<Item> GetItem(ItemId id);

  /// One page of the saved items with ids above `after`, in id order; empty at the end. For the next page pass the last
  /// id of this one.
  [[nodiscard]] Result<std::vector<Item>> GetAllItems(ItemId after = {}, PageLimits limits = {});

  [[nodiscard]] ServiceStatistics Statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate
