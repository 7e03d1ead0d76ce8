#include "store/postgres/parked_sql.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace itemgate {

using postgres::Rows;
using postgres::Sql;
using postgres::Statement;

const Sql kListParked{
    .name = "",
    .text =
        "SELECT c.digest, c.scope, "
        "(extract(epoch FROM coalesce(c.parked_at, c.since)) * 1000000)::bigint, c.parked_by, "
        "c.resolved_as_saved::integer FROM itemgate.claim c WHERE c.parked "
        "ORDER BY coalesce(c.parked_at, c.since), c.digest LIMIT 10000"};

namespace {

constexpr Sql kSaved{
    .text =
        "UPDATE itemgate.claim SET resolved_as_saved = true WHERE parked AND digest = $1::bytea "
        "AND scope = $2::text COLLATE \"C\""};
// Whoever is just looking whether the backend has it finds no claim to confirm, and begins anew.
constexpr Sql kSendAgain{.text =
                             "DELETE FROM itemgate.claim WHERE parked AND digest = $1::bytea "
                             "AND scope = $2::text COLLATE \"C\""};

}  // namespace

Statement ResolveParkedAs(const ContentKey& key, Resolution resolution) {
  Statement statement{.sql = resolution == Resolution::kSaved ? &kSaved : &kSendAgain};
  const auto& digest = key.digest.bytes;
  statement.parameters
      .Add(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()))
      .Add(key.scope.name());
  return statement;
}

Result<std::vector<ParkedContent>> ParkedOf(const Rows& rows) {
  std::vector<ParkedContent> parked;
  parked.reserve(rows.count());
  for (std::size_t row = 0; row < rows.count(); ++row) {
    const auto scope = Scope::Named(rows.Bytes(row, 1));
    if (!scope) return std::unexpected(scope.error());
    ParkedContent content{.key = {.scope = *scope},
                          .since = WallTime(std::chrono::microseconds(rows.Integer(row, 2))),
                          .by = std::string(rows.Bytes(row, 3)),
                          .is_resolved_as_saved = rows.Integer(row, 4) != 0};
    const std::string_view digest = rows.Bytes(row, 0);
    if (digest.size() != content.key.digest.bytes.size())
      return Fail(ErrorCode::kCorrupt, "a parked content has a digest of another length");
    std::ranges::copy(digest, content.key.digest.bytes.begin());
    parked.push_back(std::move(content));
  }
  return parked;
}

}  // namespace itemgate
