#pragma once

#include "server/api_state.h"
#include "server/call.h"

namespace itemgate::server {

/// GET /v1/cluster; on a worker, for the first look of a server may have to wait.
void HandleCluster(ApiState& api, Call& call);

/// GET /v1/parked; on a worker, for it asks the database.
void HandleListParked(ApiState& api, Call& call);

/// POST /v1/parked/{operation}:resolve; the same.
void HandleResolveParked(ApiState& api, Call& call);

}  // namespace itemgate::server
