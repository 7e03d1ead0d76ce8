#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "itemgate/claim_store.h"
#include "itemgate/itemgate.h"
#include "itemgate/membership.h"
#include "itemgate/parked.h"
#include "itemgate/store.h"

namespace itemgate {

/// The store that many servers share: a PostgreSQL database (docs/postgres.md).
///
/// Ids are dense and in commit order, over all servers. A batch costs one round trip and one commit; duplicates use up
/// no id and write nothing. What is lost on the way is asked for again, so that kUnknown is answered only if the
/// database does not come back in time; and the store goes on after it.
///
/// Threads: any, but none of its calls may come from a callback of Insert. Failure: when a failover may have lost items
/// (the generation changed), it serves nothing any more until it is opened anew, for caches of this process may hold
/// what is lost. Cost: Insert returns at once; everything else blocks for a round trip.
class PostgresStore : public ItemStore {
 public:
  struct Options {
    std::string url;
    std::uint64_t seed = 0;  // unpredictable: attempts are named by it
    std::size_t connections_max = 4;
    Duration timeout =
        std::chrono::seconds(10);  // of one call, tries and waiting for the database included
    Duration poll_interval = std::chrono::seconds(1);  // also between heartbeats
    bool hears_hints = false;                          // of claims: takes one connection more
    /// After so long others take a server whose heartbeat does not move for dead: one that meets silence ends early
    /// enough for the next.
    Duration lease = std::chrono::seconds(10);
    /// Called when other servers made items; from a thread of the store's own.
    std::function<void()> on_news;
  };

  /// Fails with kNotFound if the database was not prepared by MigratePostgres, with kUnsupported if its tables are of
  /// another version, and with kUnavailable if it cannot be reached; the message says what to do. `clock` must outlive
  /// the store.
  [[nodiscard]] static Result<std::unique_ptr<PostgresStore>> Open(const Clock& clock,
                                                                   Options options);

  /// These two live as long as the store. Claims in the same database, for slow backends; and who serves it.
  [[nodiscard]] virtual ClaimStore& claims() = 0;
  [[nodiscard]] virtual Membership& membership() = 0;

  /// See Itemgate.
  [[nodiscard]] virtual Result<std::vector<ParkedContent>> ParkedContents() = 0;
  [[nodiscard]] virtual Result<void> ResolveParked(const ContentKey& key,
                                                   Resolution resolution) = 0;

  /// What the entries of a seen cache of this database are sealed with: known to its servers, and to nobody else.
  using CacheSecret = std::array<std::byte, 32>;
  [[nodiscard]] virtual const CacheSecret& cache_secret() const = 0;
  /// Of the store, since when this one was opened.
  [[nodiscard]] virtual std::int64_t generation() const = 0;

  /// Proves that ids are dense, that every content has its digest, and that each key is known once (see
  /// Itemgate::Verify).
  [[nodiscard]] virtual Result<VerifyReport> Verify(
      std::move_only_function<void(std::uint64_t)> progress) = 0;
};

}  // namespace itemgate
