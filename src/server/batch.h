#pragma once

#include <memory>

#include "server/api_state.h"
#include "server/call.h"

namespace itemgate::server {

/// POST /v1/items:batch: saves the items as they come and answers them in order.
std::shared_ptr<http::StreamHandler> OpenBatch(ApiState& api, StreamedCall call);

inline constexpr std::string_view kBatchFramesType = "application/vnd.itemgate.batch";

/// The handler of a stream that was answered within Open: does nothing.
[[nodiscard]] std::shared_ptr<http::StreamHandler> NoHandler();

}  // namespace itemgate::server
