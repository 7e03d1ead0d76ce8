#include "store/postgres/item_sql.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace itemgate {

using postgres::ArrayBuilder;
using postgres::ElementType;
using postgres::Rows;
using postgres::Sql;
using postgres::Statement;

const Sql kGetItem{
    .name = "itemgate_get",
    .text =
        "SELECT id, digest, scope, length, (extract(epoch FROM saved_at) * 1000000)::bigint, "
        "media_type, content FROM itemgate.item WHERE id = $1::bigint"};

// The sum is over what the page would hold; the contents themselves are read for those that fit. The first always does.
const Sql kListItems{
    .name = "itemgate_list",
    .text =
        "SELECT id, digest, scope, length, (extract(epoch FROM saved_at) * 1000000)::bigint, "
        "media_type, content FROM ("
        "  SELECT page.*, sum(octet_length(content)) OVER (ORDER BY id) AS total FROM ("
        "    SELECT * FROM itemgate.item WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint"
        "  ) AS page) AS measured "
        "WHERE total <= $3::bigint OR total = octet_length(content) ORDER BY id"};

const Sql kLookAtTables{
    .name = "",
    .text =
        "SELECT (SELECT coalesce(max(version), 0) FROM itemgate.migration)::bigint, "
        "coalesce((SELECT generation FROM itemgate.store WHERE only_row), 0), "
        "(SELECT coalesce(max(id), 0) FROM itemgate.item), "
        "coalesce((SELECT sum(pg_total_relation_size(relid)) FROM "
        "pg_partition_tree('itemgate.item'))::bigint, pg_total_relation_size('itemgate.item')), "
        "(current_setting('synchronous_commit') <> 'off')::int::bigint"};

namespace {

constexpr std::uint64_t kIntegerMax = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kPageItemsMax = 100'000;

std::int64_t Clamped(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min(value, kIntegerMax));
}

Result<Item> ItemOf(const Rows& rows, std::size_t row) {
  const auto scope = Scope::Named(rows.Bytes(row, 2));
  if (!scope) return std::unexpected(scope.error());
  Item item{.id = {static_cast<std::uint64_t>(rows.Integer(row, 0))},
            .key = {.length = static_cast<std::uint32_t>(rows.Integer(row, 3)), .scope = *scope},
            .content = std::string(rows.Bytes(row, 6)),
            .media_type = std::string(rows.Bytes(row, 5)),
            .saved_at = WallTime(std::chrono::microseconds(rows.Integer(row, 4)))};
  const std::string_view digest = rows.Bytes(row, 1);
  if (digest.size() != item.key.digest.bytes.size())
    return Fail(ErrorCode::kCorrupt,
                "item " + std::to_string(item.id.value) + " has a digest of another length");
  std::ranges::copy(digest, item.key.digest.bytes.begin());
  return item;
}

}  // namespace

Statement FindIds(std::span<const ContentKey> keys) {
  ArrayBuilder digests(ElementType::kBytes, keys.size(), keys.size() * sizeof(Digest));
  ArrayBuilder scopes(ElementType::kText, keys.size());
  for (const ContentKey& key : keys) {
    digests.Add({reinterpret_cast<const char*>(key.digest.bytes.data()), key.digest.bytes.size()});
    scopes.Add(key.scope.name());
  }
  Statement statement{.sql = &kFindIds};
  statement.parameters.AddWire(digests.Take()).AddWire(scopes.Take());
  return statement;
}

Statement GetItemOf(ItemId id) {
  Statement statement{.sql = &kGetItem};
  statement.parameters.Add(Clamped(id.value));
  return statement;
}

Statement ListItems(ItemId after, const PageLimits& limits) {
  Statement statement{.sql = &kListItems};
  statement.parameters.Add(Clamped(after.value))
      .Add(Clamped(std::clamp(limits.items_max, std::size_t{1}, kPageItemsMax)))
      .Add(Clamped(limits.content_bytes_max));
  return statement;
}

Result<std::vector<Item>> ItemsOf(const Rows& rows) {
  std::vector<Item> items;
  items.reserve(rows.count());
  for (std::size_t row = 0; row < rows.count(); ++row) {
    auto item = ItemOf(rows, row);
    if (!item) return std::unexpected(item.error());
    items.push_back(std::move(*item));
  }
  return items;
}

}  // namespace itemgate
