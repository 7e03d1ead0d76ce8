#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/answer_json.h"
#include "client/batch.h"
#include "client/caller.h"
#include "itemgate/client.h"

namespace itemgate::client {

/// One call of SaveItem or SaveItems, from the first attempt until everything is known: sends what has no answer yet,
/// round by round. One thread.
///
/// That a content is sent again is always safe: it is its own identity. Those refused in the binary framing, which
/// gives no reasons, are asked for once more in the other one.
class SaveCall {
 public:
  /// All must outlive the call.
  SaveCall(Caller& caller, std::span<const std::string_view> contents, const SaveOptions& options);

  [[nodiscard]] std::vector<SaveResult> Run();

 private:
  enum class Next : std::uint8_t {
    kSend,       // nothing is known
    kSettled,    // the answer stands
    kAskAgain,   // still being saved, and the caller would wait
    kAskReason,  // refused, without a word
    kRetry,      // it may go better another time
  };
  struct Pending {
    SaveResult result;
    Next next = Next::kSend;
    bool may_have_begun =
        false;  // with some attempt: then a later one that came to nothing settles nothing
  };

  /// Sends these once, in as few requests as may be.
  void SendRound(const std::vector<std::size_t>& indices);
  void SendSingle(std::size_t index);
  void SendBatch(BatchAnswer::Framing framing, std::span<const std::size_t> indices);
  [[nodiscard]] std::string SaveFields() const;
  [[nodiscard]] Patience patience() const { return {.deadline = *begun_}; }

  /// What became of one of them.
  void Take(std::size_t index, int status, SaveResult result);
  /// What an attempt as a whole came to, for those of which nothing is known.
  void TakeFailure(std::span<const std::size_t> indices, const Error& error);
  void TakeRefusal(std::span<const std::size_t> indices, const Answer& answer);
  /// The result of the last attempt, in the light of those before.
  [[nodiscard]] static SaveResult ResultOf(Pending pending);

  [[nodiscard]] std::vector<std::size_t> Unsettled() const;
  /// Waits until those may be sent again that are not settled, and settles those that must not be.
  void WaitForNextRound();
  [[nodiscard]] bool Any(Next next) const;
  void Settle(Next next);

  Caller& caller_;
  const std::span<const std::string_view> contents_;
  const SaveOptions& options_;
  const Result<Instant> begun_;  // by when to end, unless nothing is to be sent
  const std::string fields_;
  std::vector<Pending> pending_;
  std::uint32_t retries_ = 0;
  std::uint32_t pauses_ = 0;
  std::optional<Duration> retry_after_;  // of the last round
  Instant asked_at_{};                   // when it began
};

}  // namespace itemgate::client
