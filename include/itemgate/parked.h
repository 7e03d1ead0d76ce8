#pragma once

#include <cstdint>
#include <string>

#include "itemgate/content_key.h"
#include "itemgate/item.h"

namespace itemgate {

/// A content of which nobody knows whether the backend has it: the server that gave it there died, or got no answer.
/// Nobody sends it there again.
struct ParkedContent {
  ContentKey key;  // without a length
  WallTime since;
  std::string by;                     // the server's name; empty: it had none
  bool is_resolved_as_saved = false;  // and is an item as soon as it is sent again
};

/// What an operator knows of a parked content.
enum class Resolution : std::uint8_t {
  kSaved,  // the backend has it: who sends it next makes the item, without asking the backend
  kSendAgain,  // the backend does not have it, and will not get it late: who sends it next gives it to the backend
};

}  // namespace itemgate
