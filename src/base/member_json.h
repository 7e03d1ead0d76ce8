#pragma once

#include "base/json_writer.h"
#include "itemgate/membership.h"

namespace itemgate {

/// The server as one JSON object, as GET /v1/cluster has it (docs/http-api.md).
void WriteMember(JsonWriter& json, const Member& member);

}  // namespace itemgate
