#pragma once

#include <string>
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

/// The error for a connection that was not made, from what libpq says of it. Told to be verbose (PQERRORS_VERBOSE), it
/// says the SQLSTATE of a server that refused, which it gives in no other way. Always kUnavailable.
[[nodiscard]] Error ConnectErrorOf(std::string_view libpq_text);

/// The error for the callers of a database that was fit for use when it was opened. What it lacks since, or refuses to
/// our user, only its operator can mend, and no caller has caused: that is kUnavailable, too.
[[nodiscard]] Error WhileServing(Error error);

/// What libpq says, without its line breaks.
[[nodiscard]] std::string OneLine(std::string_view libpq_text);

/// True if the same transaction may succeed when it is sent again at once: it lost against another (serialization
/// failure, deadlock, or a unique key that was taken meanwhile).
[[nodiscard]] bool LostARace(std::string_view sql_state);

}  // namespace itemgate::postgres
