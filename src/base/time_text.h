#pragma once

#include <string>

#include "itemgate/item.h"

namespace itemgate {

/// RFC 3339, UTC, to the microsecond: "2024-05-01T12:00:00.000001Z".
[[nodiscard]] std::string FormatTime(WallTime time);

}  // namespace itemgate
