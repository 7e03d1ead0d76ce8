#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/clock.h"
#include "itemgate/membership.h"

namespace itemgate {

/// Tells from look to look whose heartbeat moves. Sans I/O; one thread at a time.
///
/// Its time is the time during which it looked: when it sees nothing for long (the database was away, this process
/// stood still), that counts as little, for then nobody could be seen to move.
class MemberWatch {
 public:
  struct Options {
    Duration gap_max{};       // what the time between two looks counts at most
    Duration gone_after{};    // without moving
    Duration forget_after{};  // without moving: long after it was seen to be gone
  };

  struct Row {
    std::int64_t id = 0;
    std::int64_t heartbeat = 0;
    Member member;
  };

  /// Claims that a server has, whether it has a row or not.
  struct Owner {
    std::int64_t id = 0;
    std::uint64_t claims = 0;
  };

  explicit MemberWatch(const Options& options) : options_(options) {}

  /// All that one look showed.
  void Saw(std::vector<Row> rows, std::vector<Owner> owners, Instant now);

  /// In the order in which they were seen, with age and whether they are gone.
  [[nodiscard]] std::vector<Member> Members(Instant now) const;

  /// Claims of those that are gone, or have had no row for as long: a server may have one before its first heartbeat.
  [[nodiscard]] std::uint64_t OrphanedClaims(Instant now) const;

  /// Claims of those that have been seen to move, and are not gone.
  [[nodiscard]] std::uint64_t LiveClaims(Instant now) const;

  /// Those to be removed, if their heartbeats are still these.
  struct Dead {
    std::int64_t id = 0;
    std::int64_t heartbeat = 0;
  };
  [[nodiscard]] std::vector<Dead> LongDead() const;

  /// For how long it has looked.
  [[nodiscard]] Duration watched() const { return watched_; }

 private:
  struct Seen {
    std::int64_t heartbeat = 0;
    Duration moved_at{};     // on our time
    bool has_moved = false;  // and was not only found so
  };

  [[nodiscard]] Seen SeenNow(std::int64_t id, std::int64_t heartbeat) const;
  [[nodiscard]] Duration Since(Instant now) const;
  [[nodiscard]] Duration AgeOf(std::int64_t id, Instant now) const;

  const Options options_;
  std::vector<Row> rows_;
  std::vector<Owner> owners_;
  std::map<std::int64_t, Seen> seen_;  // by id
  Instant last_look_{};
  Duration watched_{};
};

}  // namespace itemgate
