#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "itemgate/content_key.h"
#include "itemgate/save_result.h"

namespace itemgate::server {

/// Remembers by Idempotency-Key how requests were answered, for a while.
///
/// Only a convenience for clients: whatever it remembers or forgets, one content is one item. Time is passed in. From
/// any thread; some 200 bytes for an entry, whatever the key's length.
class IdempotencyTable {
 public:
  struct Options {
    Duration lifetime = std::chrono::hours(24);
    std::size_t entries_max = 100'000;  // then the oldest finished one is forgotten
  };

  /// What a key belongs to, and the key.
  struct Name {
    std::string_view scope;
    std::string_view route;
    std::string_view key;
  };
  /// Of an entry; no bytes of any key, so nobody can choose keys that meet in one bucket.
  using Handle = Digest;
  /// An entry of one attempt: a later attempt with the same key, after this one was forgotten, is another.
  struct Ticket {
    Handle handle;
    std::uint64_t number = 0;
  };

  enum class State : std::uint8_t {
    kNew,           // the caller goes on, and ends it with Finish or Abandon
    kRunning,       // the first request is under way
    kFinished,      // `answer` is what it was answered
    kOtherContent,  // the key was used with another content
    kFull,          // all entries are of requests under way
  };
  struct Found {
    State state;
    Ticket handle;      // if kNew
    SaveResult answer;  // if kFinished: saved, without an error
  };

  IdempotencyTable(const Options& options, std::uint64_t seed) : options_(options), seed_(seed) {}

  [[nodiscard]] Found Begin(const Name& name, const Digest& content, Instant now) EXCLUDES(mutex_);
  /// REQUIRES: `answer` is kCreated or kDuplicate.
  void Finish(const Ticket& ticket, const SaveResult& answer) EXCLUDES(mutex_);
  /// Forgets it: the next request with the key is a first one.
  void Abandon(const Ticket& ticket) EXCLUDES(mutex_);

  [[nodiscard]] std::size_t size() const EXCLUDES(mutex_);

 private:
  struct Entry {
    Digest content;
    Instant began;
    std::uint64_t number = 0;  // of the attempt
    bool running = true;
    bool created = false;
    bool joined = false;
    ItemId id;
    std::list<Handle>::iterator place;  // in running_ or finished_
  };
  struct HandleHash {
    std::size_t operator()(const Handle& handle) const;
  };
  using Entries = std::unordered_map<Handle, Entry, HandleHash>;

  /// The entry of that attempt, if it is not forgotten.
  [[nodiscard]] Entries::iterator Find(const Ticket& ticket) REQUIRES(mutex_);
  [[nodiscard]] Handle HandleOf(const Name& name) const;
  void Forget(Entries::iterator entry) REQUIRES(mutex_);
  /// The oldest ones of a list that have lived long enough.
  void ForgetOld(const std::list<Handle>& oldest_first, Instant now) REQUIRES(mutex_);

  const Options options_;
  const std::uint64_t seed_;

  mutable Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);
  std::uint64_t last_number_ GUARDED_BY(mutex_) = 0;
  std::list<Handle> running_ GUARDED_BY(mutex_);   // what began first is first
  std::list<Handle> finished_ GUARDED_BY(mutex_);  // what ended first is first
};

}  // namespace itemgate::server
