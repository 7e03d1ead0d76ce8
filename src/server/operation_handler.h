#pragma once

#include "server/api_state.h"
#include "server/call.h"

namespace itemgate::server {

/// GET /v1/operations/{operation}: how a save stands, at once or after waiting for it. The store is asked by a worker.
void HandleGetOperation(ApiState& api, Call& call);

/// GET /v1/inflight: what is being saved now. On a worker, for there may be many.
void HandleListInFlight(ApiState& api, Call& call);

}  // namespace itemgate::server
