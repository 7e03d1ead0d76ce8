#pragma once

#include <expected>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace itemgate {

/// What went wrong, by what the caller can do about it.
enum class ErrorCode {
  kInvalidArgument,  // the call is wrong as it stands; change it
  kTooLarge,         // a named limit was exceeded; send less or raise the limit
  kNotCanonical,     // the content is not acceptable JSON for a `+json` scope; mend the content
  kNotFound,         // there is no such thing; that is an answer, not a fault
  kBusy,             // somebody else has it (a data directory, a scope table that is full)
  kStorageFull,      // the disk is full; nothing was lost; make room and send again
  kIo,               // the operating system refused a file operation
  kCorrupt,          // stored bytes are not what was written; see `itemgate verify`
  kUnsupported,      // written by another version, or not offered by this implementation
  kUnavailable,      // not now: shutting down, or a queue at its limit; try again later
  kFailed,           // the backend refused, and nothing was saved there; send again
  kCancelled,        // the caller called it off, and nothing was left behind
  kUnknown,          // nobody can know whether it took effect; send the same content again
  kParked,           // as kUnknown, but only an operator can change it; see `itemgate parked`
};

/// The stable, lower-case name of a code, as it appears in JSON ("too_large").
[[nodiscard]] std::string_view ErrorCodeName(ErrorCode code);

/// An error as a value: what kind, what happened and what to do, and where in the code it arose.
struct [[nodiscard]] Error {
  Error(ErrorCode error_code, std::string error_message,
        std::source_location error_where = std::source_location::current())
      : code(error_code), message(std::move(error_message)), where(error_where) {}

  ErrorCode code;
  std::string message;
  std::source_location where;
};

/// Either the value asked for or the reason why not.
template <typename T>
using Result = std::expected<T, Error>;

/// Makes the failing alternative of any Result<T>.
[[nodiscard]] inline std::unexpected<Error> Fail(
    ErrorCode code, std::string message,
    std::source_location where = std::source_location::current()) {
  return std::unexpected(Error(code, std::move(message), where));
}

}  // namespace itemgate
