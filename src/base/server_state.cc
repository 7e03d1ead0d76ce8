#include "itemgate/membership.h"

namespace itemgate {

std::string_view ServerStateName(ServerState state) {
  switch (state) {
    case ServerState::kServing:
      return "serving";
    case ServerState::kDraining:
      return "draining";
    case ServerState::kNotReady:
      return "not-ready";
    case ServerState::kUnknown:
      break;
  }
  return "unknown";
}

ServerState ServerStateNamed(std::string_view name) {
  for (const ServerState state :
       {ServerState::kServing, ServerState::kDraining, ServerState::kNotReady}) {
    if (ServerStateName(state) == name) return state;
  }
  return ServerState::kUnknown;
}

}  // namespace itemgate
