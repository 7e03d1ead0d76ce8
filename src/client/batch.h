#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client/answer_json.h"
#include "itemgate/error.h"

namespace itemgate::client {

// The two framings of POST /v1/items:batch (docs/http-api.md): the binary one costs next to nothing, but gives no
// reasons; NDJSON does.

inline constexpr std::string_view kFramedBatchType = "application/vnd.itemgate.batch";
inline constexpr std::string_view kNdjsonType = "application/x-ndjson";

/// A length and the bytes. REQUIRES: content is shorter than 4 GiB.
void AppendFramed(std::string& out, std::string_view content);

/// A line of JSON, in Base64 if that is shorter than text with escapes: at most a third longer than the content, and
/// what `media_type` takes, which may be empty.
void AppendJsonLine(std::string& out, std::string_view content, std::string_view media_type);

/// Takes the answer to a batch apart, in whatever pieces it comes. One thread.
class BatchAnswer {
 public:
  /// Is given what became of each item; `done` lines are not given.
  using Take = std::function<void(BatchLine)>;

  enum class Framing { kFramed, kLines };

  BatchAnswer(Framing framing, Take take) : framing_(framing), take_(std::move(take)) {}

  void Feed(std::string_view piece);

  /// The last record has arrived, so nothing is missing.
  [[nodiscard]] bool is_complete() const { return is_complete_; }
  /// What could not be understood; nothing more was read behind it.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  void FeedRecords();
  void FeedLines();

  const Framing framing_;
  const Take take_;
  std::string unread_;
  std::size_t index_ = 0;  // of the next record
  bool is_complete_ = false;
  std::optional<Error> error_;
};

}  // namespace itemgate::client
