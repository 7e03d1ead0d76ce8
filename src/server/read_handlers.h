#pragma once

#include "server/api_state.h"
#include "server/call.h"

namespace itemgate::server {

// What is read. Each may block on the disk and so runs on a worker, unless its comment says otherwise.

/// GET /v1/items/{id}
void HandleGetItem(ApiState& api, Call& call);
/// GET /v1/items
void HandleListItems(ApiState& api, Call& call);
/// GET /v1/contents/sha256/{digest}
void HandleGetContent(ApiState& api, Call& call);
/// POST /v1/contents:findMissing
void HandleFindMissing(ApiState& api, Call& call);
/// GET /v1/stats
void HandleStats(ApiState& api, Call& call);
/// GET /v1/config; at once.
void HandleConfig(ApiState& api, Call& call);
/// GET /v1/openapi.json; at once.
void HandleOpenApi(ApiState& api, Call& call);
/// GET /; at once.
void HandleRoot(ApiState& api, Call& call);

}  // namespace itemgate::server
