#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "itemgate/claim_store.h"
#include "postgres/client.h"
#include "store/postgres/claim_hints.h"
#include "store/postgres/postgres_membership.h"

namespace itemgate {

/// Claims in the tables beside the items. The server's heartbeat starts with the first claim, if it does not move yet.
///
/// All parts must outlive it, and the client be closed before it is destroyed.
class PostgresClaims final : public ClaimStore {
 public:
  struct Options {
    std::int64_t server = 0;           // unpredictable: another one after each start
    std::int64_t generation = 0;       // of the store, when it was opened
    std::function<void()> on_refused;  // the store has another one; from the client's thread
    /// kUnsupported if this program may make no items any more; from any thread.
    std::function<Result<void>()> may_claim;
    Duration timeout = std::chrono::seconds(10);
  };

  struct Parts {
    postgres::Client& client;
    ClaimHints& hints;
    PostgresMembership& membership;
  };

  PostgresClaims(const Parts& parts, Options options)
      : client_(parts.client),
        hints_(parts.hints),
        membership_(parts.membership),
        options_(std::move(options)) {}

  [[nodiscard]] ClaimHolder FirstHolder(std::int64_t attempt) const override {
    return {.attempt = attempt,
            .fence = {.generation = options_.generation, .epoch = 1},
            .server = options_.server};
  }
  void Claim(const ContentKey& key, std::int64_t attempt, Done done) override;
  void TakeOver(const ContentKey& key, const ClaimHolder& seen, std::int64_t attempt,
                Done done) override;
  void Confirm(const ContentKey& key, const ClaimHolder& mine, std::string_view content,
               std::string_view media_type, Done done) override;
  void Park(const ContentKey& key, const ClaimHolder& mine, Done done) override;
  void Release(const ContentKey& key, const ClaimHolder& mine, Done done) override;
  void Look(const ContentKey& key, Done done) override;
  void Watch(Changed changed) override { hints_.Watch(std::move(changed)); }

  /// Nothing is tried again.
  void Stop() { stopped_.store(true, std::memory_order_relaxed); }

 private:
  using Statements = std::vector<postgres::Statement>;  // the first one tells the state
  struct Asking {
    Statements statements;
    Duration on_the_way{};  // how long the statements may travel, besides the time to answer them
    Instant deadline{};
    bool in_doubt = false;  // an earlier try was never answered
  };
  void Ask(Asking asking, Done done);
  void Try(Asking asking, Done done);
  void Tell(const ClaimState& state, Done done);

  postgres::Client& client_;
  ClaimHints& hints_;
  PostgresMembership& membership_;
  const Options options_;
  std::atomic<bool> stopped_ = false;  // stands alone: relaxed
};

}  // namespace itemgate
