#include "key/parked_json.h"

#include "base/time_text.h"

namespace itemgate {

void WriteParked(JsonWriter& json, const ParkedContent& parked) {
  json.BeginObject()
      .Field("sha256", parked.key.digest.ToHex())
      .Field("scope", parked.key.scope.name())
      .Field("since", FormatTime(parked.since))
      .Field("by", parked.by)
      .Field("resolved_as_saved", parked.is_resolved_as_saved)
      .EndObject();
}

}  // namespace itemgate
