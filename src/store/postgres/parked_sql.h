#pragma once

#include <vector>

#include "itemgate/error.h"
#include "itemgate/parked.h"
#include "postgres/command.h"

namespace itemgate {

// The statements about parked contents.

extern const postgres::Sql kListParked;

/// Affects one row, or none if it is not parked.
[[nodiscard]] postgres::Statement ResolveParkedAs(const ContentKey& key, Resolution resolution);

/// What kListParked gives.
[[nodiscard]] Result<std::vector<ParkedContent>> ParkedOf(const postgres::Rows& rows);

}  // namespace itemgate
