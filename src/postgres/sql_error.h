#pragma once

#include <string_view>

#include "itemgate/error.h"

namespace itemgate::postgres {

/// What the server says about a statement that it refused.
struct ServerMessage {
  std::string_view sql_state;  // five characters; empty if the server said nothing
  std::string_view primary;    // one line
  std::string_view detail;     // may be empty
};

/// The error for a statement that the server refused: nothing of its transaction was done. The message says what the
/// server said, its SQLSTATE, and what to do. (Codes: PostgreSQL 15 manual, appendix A.)
[[nodiscard]] Error ErrorOf(const ServerMessage& message);

/// True if the same transaction may succeed when it is sent again at once: it lost against another (serialization
/// failure, deadlock, or a unique key that was taken meanwhile).
[[nodiscard]] bool LostARace(std::string_view sql_state);

}  // namespace itemgate::postgres
