#include "store/postgres/member_watch.h"

#include <algorithm>
#include <utility>

namespace itemgate {
namespace {

constexpr std::int64_t kNoRow = -1;  // for a heartbeat, of whoever has claims and no row

}  // namespace

void MemberWatch::Saw(std::vector<Row> rows, std::vector<Owner> owners, Instant now) {
  if (last_look_ != Instant{}) watched_ += Since(now);
  last_look_ = now;
  std::map<std::int64_t, Seen> seen;
  for (const Row& row : rows) seen[row.id] = SeenNow(row.id, row.heartbeat);
  for (const Owner& owner : owners) {
    if (!seen.contains(owner.id)) seen[owner.id] = SeenNow(owner.id, kNoRow);
  }
  seen_ = std::move(seen);
  rows_ = std::move(rows);
  owners_ = std::move(owners);
}

MemberWatch::Seen MemberWatch::SeenNow(std::int64_t id, std::int64_t heartbeat) const {
  const auto before = seen_.find(id);
  const bool is_known = before != seen_.end();
  // Who has no row any more was removed, and has not moved by that.
  const bool moved = !is_known || (heartbeat != kNoRow && heartbeat != before->second.heartbeat);
  return {.heartbeat = heartbeat,
          .moved_at = moved ? watched_ : before->second.moved_at,
          .has_moved = is_known && (moved || before->second.has_moved)};
}

std::vector<Member> MemberWatch::Members(Instant now) const {
  std::vector<Member> members;
  members.reserve(rows_.size());
  for (const Row& row : rows_) {
    Member& member = members.emplace_back(row.member);
    member.heartbeat_age = AgeOf(row.id, now);
    member.is_gone = member.heartbeat_age >= options_.gone_after;
  }
  return members;
}

std::uint64_t MemberWatch::OrphanedClaims(Instant now) const {
  std::uint64_t orphaned = 0;
  for (const Owner& owner : owners_) {
    if (AgeOf(owner.id, now) >= options_.gone_after) orphaned += owner.claims;
  }
  return orphaned;
}

std::uint64_t MemberWatch::LiveClaims(Instant now) const {
  std::uint64_t claims = 0;
  for (const Owner& owner : owners_) {
    if (seen_.at(owner.id).has_moved && AgeOf(owner.id, now) < options_.gone_after)
      claims += owner.claims;
  }
  return claims;
}

std::vector<MemberWatch::Dead> MemberWatch::LongDead() const {
  std::vector<Dead> dead;
  for (const auto& [id, seen] : seen_) {
    if (seen.heartbeat != kNoRow && watched_ - seen.moved_at >= options_.forget_after)
      dead.push_back({.id = id, .heartbeat = seen.heartbeat});
  }
  return dead;
}

Duration MemberWatch::AgeOf(std::int64_t id, Instant now) const {
  return watched_ + Since(now) - seen_.at(id).moved_at;
}

Duration MemberWatch::Since(Instant now) const {
  return std::min<Duration>(now - last_look_, options_.gap_max);
}

}  // namespace itemgate
