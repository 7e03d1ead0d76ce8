#include "load/batch_answer.h"

#include <utility>

#include "base/bytes.h"
#include "itemgate/save_result.h"

namespace itemgate::load {
namespace {

constexpr std::size_t kRecordBytes = 12;     // u8 outcome, u8 flags, u16 status, u64 id
constexpr std::uint8_t kEndOfResults = 255;  // in place of an outcome
constexpr std::uint8_t kJoinedFlag = 1;
constexpr std::size_t kComplaintBytesMax = 300;

ItemOutcome OutcomeOf(std::uint8_t number, std::uint8_t flags) {
  if (number == std::to_underlying(Outcome::kCreated)) return ItemOutcome::kCreated;
  if (number == std::to_underlying(Outcome::kDuplicate))
    return (flags & kJoinedFlag) != 0 ? ItemOutcome::kJoined : ItemOutcome::kDuplicate;
  if (number == std::to_underlying(Outcome::kInProgress)) return ItemOutcome::kInProgress;
  return ItemOutcome::kRefused;
}

/// The word behind `"outcome":"`; empty if there is none.
std::string_view OutcomeWordOf(std::string_view line) {
  constexpr std::string_view kName = R"("outcome":")";
  const std::size_t at = line.find(kName);
  if (at == line.npos) return {};
  const std::string_view rest = line.substr(at + kName.size());
  return rest.substr(0, rest.find('"'));
}

}  // namespace

void BatchAnswer::Consume(std::string_view piece) {
  const bool joins = !rest_.empty();
  if (joins) {
    rest_ += piece;
    piece = rest_;
  }
  for (;;) {
    const bool lines = framing_ == BatchFraming::kNdjson;
    const std::size_t size = lines ? piece.find('\n') : kRecordBytes;
    if (size == piece.npos || size > piece.size()) break;
    if (lines)
      TakeLine(piece.substr(0, size));
    else
      TakeRecord(piece.substr(0, size));
    piece.remove_prefix(size + (lines ? 1 : 0));
  }
  if (joins)
    rest_.erase(0, rest_.size() - piece.size());
  else
    rest_ = piece;
}

void BatchAnswer::Restart() {
  outcomes_ = {};
  complete_ = false;
  complaint_.clear();
  rest_.clear();
}

void BatchAnswer::TakeLine(std::string_view line) {
  if (line.starts_with(R"({"done":true)")) {
    complete_ = true;
  } else if (const auto outcome = ItemOutcomeNamed(OutcomeWordOf(line))) {
    outcomes_.Add(*outcome);
    if (*outcome == ItemOutcome::kRefused) Complain(line);
  } else {
    Complain(line);
  }
}

void BatchAnswer::TakeRecord(std::string_view record) {
  const auto number = static_cast<std::uint8_t>(record[0]);
  if (number == kEndOfResults) {
    complete_ = true;
    return;
  }
  const ItemOutcome outcome = OutcomeOf(number, static_cast<std::uint8_t>(record[1]));
  outcomes_.Add(outcome);
  if (outcome == ItemOutcome::kRefused)
    Complain("an item with status " + std::to_string(LoadLittle<std::uint16_t>(&record[2])));
}

void BatchAnswer::Complain(std::string_view text) {
  if (complaint_.empty()) complaint_ = text.substr(0, kComplaintBytesMax);
}

}  // namespace itemgate::load
