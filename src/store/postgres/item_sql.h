#pragma once

#include <span>
#include <vector>

#include "itemgate/error.h"
#include "itemgate/item.h"
#include "itemgate/store.h"
#include "postgres/command.h"

namespace itemgate {

// The statements of the store. What they ask for is made by schema.cc.

inline constexpr postgres::Sql kInsertItems{
    .name = "itemgate_insert",
    .text =
        "SELECT generation, ids FROM itemgate.insert_items($1::bytea[], $2::text[], "
        "$3::bigint[], $4::bytea[], $5::bytea[], $6::bigint, $7::bigint = 1, $8::bigint)"};
inline constexpr postgres::Sql kFindIds{
    .name = "itemgate_find", .text = "SELECT itemgate.known_ids($1::bytea[], $2::text[], 0)"};
extern const postgres::Sql kGetItem;
extern const postgres::Sql kListItems;
/// Version of the tables, generation, last id, the bytes that the items occupy, and 0 if commits wait for no disk.
extern const postgres::Sql kLookAtTables;
inline constexpr postgres::Sql kCacheSecret{
    .name = "", .text = "SELECT cache_secret FROM itemgate.store WHERE only_row"};

[[nodiscard]] postgres::Statement FindIds(std::span<const ContentKey> keys);
[[nodiscard]] postgres::Statement GetItemOf(ItemId id);
[[nodiscard]] postgres::Statement ListItems(ItemId after, const PageLimits& limits);

/// The items that kGetItem and kListItems give. Fails with kUnavailable if this process knows too many scopes.
[[nodiscard]] Result<std::vector<Item>> ItemsOf(const postgres::Rows& rows);

}  // namespace itemgate
