#pragma once

#include "itemgate/error.h"
#include "itemgate/itemgate.h"

namespace itemgate {

/// The version of the tables that this program reads and writes.
inline constexpr int kPostgresSchemaVersion = 4;

/// See Migrate.
[[nodiscard]] Result<Migrated> MigratePostgres(const MigrateOptions& options);

}  // namespace itemgate
