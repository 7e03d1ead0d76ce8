#pragma once

#include "server/api_state.h"
#include "server/call.h"

namespace itemgate::server {

/// POST /v1/items: saves the body, or the item that it describes. Blocks on nothing; what is long goes to a worker.
void HandleSave(ApiState& api, Call& call);

/// PUT /v1/contents/sha256/{digest}: the same, if the content has that digest.
void HandlePutContent(ApiState& api, Call& call);

/// The media type of a body that describes an item instead of being one.
inline constexpr std::string_view kItemDescriptionType = "application/vnd.itemgate.item+json";

}  // namespace itemgate::server
