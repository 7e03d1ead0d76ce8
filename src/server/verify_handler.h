#pragma once

#include <memory>

#include "server/api_state.h"
#include "server/call.h"

namespace itemgate::server {

/// POST /v1/store:verify: reads the whole store on a worker and tells how far it is. One at a time.
std::shared_ptr<http::StreamHandler> OpenVerify(ApiState& api, StreamedCall call);

}  // namespace itemgate::server
