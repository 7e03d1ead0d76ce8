#include "store/postgres/member_watch.h"

#include <algorithm>
#include <utility>

namespace itemgate {

void MemberWatch::Saw(std::vector<Row> rows, Instant now) {
  if (last_look_ != Instant{}) watched_ += Since(now);
  last_look_ = now;
  std::map<std::int64_t, Seen> seen;
  for (const Row& row : rows) {
    const auto before = seen_.find(row.id);
    const bool moved = before == seen_.end() || before->second.heartbeat != row.heartbeat;
    seen[row.id] = {.heartbeat = row.heartbeat,
                    .moved_at = moved ? watched_ : before->second.moved_at};
  }
  seen_ = std::move(seen);
  rows_ = std::move(rows);
}

std::vector<Member> MemberWatch::Members(Instant now) const {
  std::vector<Member> members;
  members.reserve(rows_.size());
  for (const Row& row : rows_) {
    Member& member = members.emplace_back(row.member);
    member.heartbeat_age = watched_ + Since(now) - seen_.at(row.id).moved_at;
    member.is_gone = member.heartbeat_age >= options_.gone_after;
  }
  return members;
}

std::vector<MemberWatch::Dead> MemberWatch::LongDead() const {
  std::vector<Dead> dead;
  for (const auto& [id, seen] : seen_) {
    if (watched_ - seen.moved_at >= options_.forget_after)
      dead.push_back({.id = id, .heartbeat = seen.heartbeat});
  }
  return dead;
}

Duration MemberWatch::Since(Instant now) const {
  return std::min<Duration>(now - last_look_, options_.gap_max);
}

}  // namespace itemgate
