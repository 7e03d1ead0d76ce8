#pragma once

#include "base/json_writer.h"
#include "itemgate/parked.h"

namespace itemgate {

/// The parked content as one JSON object, as GET /v1/parked has it (docs/http-api.md).
void WriteParked(JsonWriter& json, const ParkedContent& parked);

}  // namespace itemgate
