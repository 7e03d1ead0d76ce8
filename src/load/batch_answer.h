#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "load/outcomes.h"

namespace itemgate::load {

/// How the items of a batch are told apart (docs/http-api.md).
enum class BatchFraming : std::uint8_t {
  kNdjson,  // a line of JSON for each
  kBinary,  // a length before each
};

/// Counts the results in the body of the answer to a batch, in pieces of any size. One thread.
class BatchAnswer {
 public:
  explicit BatchAnswer(BatchFraming framing) : framing_(framing) {}

  void Consume(std::string_view piece);
  /// For the next answer.
  void Restart();

  [[nodiscard]] const Outcomes& outcomes() const { return outcomes_; }
  /// The server said that there is nothing more.
  [[nodiscard]] bool complete() const { return complete_; }
  /// A line of something that could not be made out, or of a refused item; empty if there is none.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  /// One whole line or record.
  void TakeLine(std::string_view line);
  void TakeRecord(std::string_view record);
  void Complain(std::string_view text);

  const BatchFraming framing_;
  Outcomes outcomes_;
  bool complete_ = false;
  std::string complaint_;
  std::string rest_;  // of a line or record that has not come as a whole
};

}  // namespace itemgate::load
