#pragma once

#include <memory>

#include "server/api_state.h"
#include "server/call.h"

namespace itemgate::server {

/// GET /v1/feed: the saved items as server-sent events, and those to come. Pages are read by the workers; a client that
/// reads slowly holds nothing but its own position.
std::shared_ptr<http::StreamHandler> OpenFeed(ApiState& api, StreamedCall call);

}  // namespace itemgate::server
