#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/mutex.h"
#include "itemgate/membership.h"
#include "postgres/client.h"
#include "store/postgres/member_watch.h"

namespace itemgate {

/// The servers of a database: one row of itemgate.server for each, which it counts up every second.
///
/// A heartbeat and a look are one small transaction of their own, that locks nothing but the server's own row; inserts
/// do not wait for it, nor it for anything else that the client is asked. The client must outlive it, and be closed
/// before it is destroyed.
class PostgresMembership final : public Membership {
 public:
  struct Options {
    std::int64_t server = 0;      // as its claims carry it
    std::int64_t generation = 0;  // of the store, when it was opened
    Duration interval = std::chrono::seconds(1);
    Duration timeout = std::chrono::seconds(10);
    Duration turn_timeout = std::chrono::seconds(3);  // of one heartbeat and look
    int missed_max = 5;      // heartbeats; after so many a server is said to be gone
    int forget_after = 600;  // and after so many removed
  };

  PostgresMembership(postgres::Client& client, const Options& options);

  /// From now on the heartbeat moves, joined or not: for claims.
  void StartHeart() EXCLUDES(mutex_);

  void Join(std::function<ServerReport()> report) override EXCLUDES(mutex_, report_mutex_);
  void Announce(std::chrono::nanoseconds wait_max) override EXCLUDES(mutex_, report_mutex_);
  void Leave(std::chrono::nanoseconds wait_max) override EXCLUDES(mutex_, report_mutex_);
  [[nodiscard]] Result<Cluster> Look(std::chrono::nanoseconds watch_min) override
      EXCLUDES(mutex_, report_mutex_);

  /// No turn follows.
  void Stop() EXCLUDES(mutex_);

 private:
  /// One heartbeat, one look, or both, in every interval.
  void Turn() EXCLUDES(mutex_, report_mutex_);
  void Turned(const postgres::Answer& answer, bool looked) EXCLUDES(mutex_);
  void StartTurning() REQUIRES(mutex_);
  void AwaitTurn(Instant deadline) EXCLUDES(mutex_);
  /// Sends it, and waits for the answer, but no longer than that.
  void Tell(postgres::Statement statement, Instant wait_until);
  [[nodiscard]] postgres::Statement Heartbeat() EXCLUDES(report_mutex_);
  [[nodiscard]] ServerReport Report() EXCLUDES(report_mutex_);
  [[nodiscard]] Member Self() EXCLUDES(report_mutex_);
  [[nodiscard]] MemberWatch::Row RowOf(const postgres::Rows& rows, std::size_t row) const;

  postgres::Client& client_;
  const Options options_;

  Mutex report_mutex_;  // held while the report is made, so that none is when Leave has returned
  std::function<ServerReport()> report_ GUARDED_BY(report_mutex_);

  Mutex mutex_;
  ConditionVariable turned_;
  bool beats_ GUARDED_BY(mutex_) = false;
  bool looks_ GUARDED_BY(mutex_) = false;
  bool forgets_ GUARDED_BY(mutex_) = false;  // joined: removes those that are long dead
  bool turns_ GUARDED_BY(mutex_) = false;    // there is a next turn
  bool in_turn_ GUARDED_BY(mutex_) = false;  // one is under way
  bool has_left_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;
  bool has_looked_ GUARDED_BY(mutex_) = false;
  MemberWatch watch_ GUARDED_BY(mutex_);
  Cluster seen_ GUARDED_BY(mutex_);  // without members
};

}  // namespace itemgate
