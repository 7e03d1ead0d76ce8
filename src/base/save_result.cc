#include "itemgate/save_result.h"

namespace itemgate {

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCreated:
      return "created";
    case Outcome::kDuplicate:
      return "duplicate";
    case Outcome::kInProgress:
      return "in_progress";
    case Outcome::kUnknown:
      return "unknown";
    case Outcome::kRejected:
      return "rejected";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kUnavailable:
      return "unavailable";
  }
  return "invalid";
}

std::string SaveResult::message() const {
  const std::string reason = error ? ": " + error->message : ".";
  switch (outcome) {
    case Outcome::kCreated:
      return "Item saved with id " + std::to_string(id.value) + ".";
    case Outcome::kDuplicate:
      return "Duplicate item received; it was saved with id " + std::to_string(id.value) + ".";
    case Outcome::kInProgress:
      return "This content is being saved right now; ask again later.";
    case Outcome::kUnknown:
      if (error && error->code == ErrorCode::kParked)
        return "Nobody knows whether the item was saved" + reason;
      return "Nobody knows whether the item was saved; send it again" + reason;
    case Outcome::kRejected:
      return "The item was not accepted" + reason;
    case Outcome::kFailed:
      return "The item was not saved; send it again" + reason;
    case Outcome::kUnavailable:
      return "The service did not try to save the item; send it again later" + reason;
  }
  return "";
}

}  // namespace itemgate
