#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "itemgate/error.h"
#include "postgres/parameters.h"

struct pg_result;  // libpq's

namespace itemgate::postgres {

/// A statement's text: literals, which end with a zero byte. One with a name is prepared once for each connection.
struct Sql {
  std::string_view name;  // empty: parsed each time
  std::string_view text;
};

/// One statement with its parameters. `sql` must outlive it.
struct Statement {
  const Sql* sql;
  Parameters parameters;
};

/// The rows that one statement gave, in binary. One thread; cheap to move.
class Rows {
 public:
  explicit Rows(pg_result* result);  // owns it

  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] bool IsNull(std::size_t row, std::size_t column) const;
  /// A bytea or text; also every other value as the wire has it. Empty if null. Lives as long as the rows.
  [[nodiscard]] std::string_view Bytes(std::size_t row, std::size_t column) const;
  /// A bigint or integer. REQUIRES: it is one, and not null.
  [[nodiscard]] std::int64_t Integer(std::size_t row, std::size_t column) const;
  /// Rows that the statement made, changed or removed, or gave.
  [[nodiscard]] std::uint64_t affected() const;

 private:
  struct Freer {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Freer> result_;
};

/// What became of a command that failed.
enum class Fate : std::uint8_t {
  kNotSent,   // it did not leave this process
  kRefused,   // the server refused it: nothing of it was done
  kLostRace,  // the same, but sent again it may well succeed
  kUnknown,   // sent, and never answered: nobody can know
  kDoubtful,  // committed, but a failover may lose it: somebody cancelled the wait for the standby
};

struct Failure {
  Error error;  // its code is kUnknown if nobody can know, or doubts
  Fate fate = Fate::kRefused;
};

/// The rows of each statement, in their order.
using Answer = std::expected<std::vector<Rows>, Failure>;

enum class IfUnreachable : std::uint8_t {
  kFail,  // at once, when attempts to reach the server keep failing
  kWait,  // until the deadline
};

/// Statements that are one transaction and one round trip: either all of them happen or none does. Each sees what was
/// committed before it began (READ COMMITTED).
struct Command {
  std::vector<Statement> statements;  // at least one
  Instant deadline{};                 // a command without an answer by then fails
  IfUnreachable if_unreachable = IfUnreachable::kFail;
  /// May take much longer than others. Nothing is sent behind it, for what does not get its answer in time ends the
  /// connection; and it leaves one connection to the others, if there are several.
  bool is_long = false;
  /// Waits behind nothing that is not: a connection more is kept for such commands. They must be few and short.
  bool is_urgent = false;
  std::move_only_function<void(Answer)> done;  // called exactly once, on the loop's thread
};

}  // namespace itemgate::postgres
