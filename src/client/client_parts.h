#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "client/network.h"

namespace itemgate {

/// What a client is made of. `clock` must outlive it.
struct ClientParts {
  const Clock& clock;
  std::unique_ptr<client::Network> network;
  std::uint64_t seed = 0;  // of the back-off and of the request ids
};

}  // namespace itemgate
