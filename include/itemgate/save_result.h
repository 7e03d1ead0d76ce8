#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "itemgate/error.h"
#include "itemgate/item.h"

namespace itemgate {

/// How a save ended, for one caller. The numbers are stable.
enum class Outcome : std::uint8_t {
  kCreated = 0,  // this call saved the item, and it is durable
  kDuplicate =
      1,  // the content was saved before, or by the save this call joined; durable, same id
  kInProgress = 2,   // the content is being saved right now and this caller did not wait longer
  kUnknown = 3,      // nobody can know whether it was saved; send the same content again
  kRejected = 4,     // the content or the call is not acceptable; sending it again will not help
  kFailed = 5,       // it was not saved; send it again
  kUnavailable = 6,  // the service did not try: it is closing or at a limit; send it again later
};

/// The stable, lower-case name, as it appears in JSON ("in_progress").
[[nodiscard]] std::string_view OutcomeName(Outcome outcome);

/// The answer to one save.
struct SaveResult {
  Outcome outcome = Outcome::kUnavailable;
  bool joined = false;         // the save was already running when this call came
  ItemId id;                   // of the item, when outcome is kCreated or kDuplicate; else 0
  std::optional<Error> error;  // why, when outcome is kUnknown, kRejected, kFailed or kUnavailable

  /// True if this call created the item. A duplicate is not a success, as in the system this follows.
  [[nodiscard]] bool success() const { return outcome == Outcome::kCreated; }

  /// True if the item is durably saved, by whomever.
  [[nodiscard]] bool saved() const {
    return outcome == Outcome::kCreated || outcome == Outcome::kDuplicate;
  }

  /// One sentence for a person. Never contains the content.
  [[nodiscard]] std::string message() const;
};

}  // namespace itemgate
