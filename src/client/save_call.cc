#include "client/save_call.h"

#include <algorithm>
#include <array>
#include <utility>

#include "http/ascii.h"

namespace itemgate::client {
namespace {

/// Text that may stand in a header as it is, and comes out as it went in.
bool IsPlainValue(std::string_view text) {
  return !text.starts_with(' ') && !text.ends_with(' ') &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7F; });
}

bool IsRequestId(std::string_view text) {
  constexpr std::size_t kBytesMax = 128;
  return !text.empty() && text.size() <= kBytesMax && IsPlainValue(text) && !text.contains(' ');
}

/// A type that would make the server read the body as a description of an item.
bool DescribesAnItem(std::string_view media_type) {
  constexpr std::string_view kOwnTypes = "application/vnd.itemgate.";
  return http::EqualsIgnoringCase(media_type.substr(0, kOwnTypes.size()), kOwnTypes);
}

}  // namespace

SaveCall::SaveCall(Caller& caller, std::span<const std::string_view> contents,
                   const SaveOptions& options)
    : caller_(caller),
      contents_(contents),
      options_(options),
      begun_(caller.BeginCall()),
      fields_(SaveFields()),
      pending_(contents.size()) {
  for (std::size_t i = 0; i < contents_.size(); ++i) {
    if (contents_[i].size() > kContentBytesLimit) {
      pending_[i] = {.result = {.outcome = Outcome::kRejected,
                                .error = Error(ErrorCode::kTooLarge, "no content can be so large")},
                     .next = Next::kSettled};
    } else if (!begun_) {
      pending_[i] = {.result = {.outcome = Outcome::kUnavailable, .error = begun_.error()},
                     .next = Next::kSettled};
    }
  }
}

std::string SaveCall::SaveFields() const {
  std::string fields = "Item-Scope: ";
  fields.append(options_.scope.name()).append("\r\n");
  if (options_.wait_max == std::chrono::nanoseconds::zero()) {
    fields.append("Prefer: respond-async\r\n");
  } else if (options_.wait_max) {
    fields.append("Prefer: wait=")
        .append(SecondsText(std::chrono::ceil<std::chrono::milliseconds>(*options_.wait_max)))
        .append("\r\n");
  }
  if (options_.if_in_flight == IfInFlight::kReject) fields.append("If-In-Flight: reject\r\n");
  return fields;
}

std::vector<SaveResult> SaveCall::Run() {
  for (auto indices = Unsettled(); !indices.empty(); indices = Unsettled()) {
    SendRound(indices);
    WaitForNextRound();
  }
  std::vector<SaveResult> results;
  results.reserve(pending_.size());
  for (Pending& pending : pending_) results.push_back(ResultOf(std::move(pending)));
  return results;
}

SaveResult SaveCall::ResultOf(Pending pending) {
  SaveResult& result = pending.result;
  const bool says_not_saved =
      result.outcome == Outcome::kUnavailable || result.outcome == Outcome::kFailed;
  if (!says_not_saved || !pending.may_have_begun) return std::move(result);
  return {
      .outcome = Outcome::kUnknown,
      .error = Error(ErrorCode::kUnknown, "an earlier attempt may have saved it; the last one: " +
                                              result.error->message)};
}

void SaveCall::SendRound(const std::vector<std::size_t>& indices) {
  retry_after_.reset();
  asked_at_ = caller_.Now();
  const bool plain = IsPlainValue(options_.media_type);
  if (contents_.size() == 1 && plain && !DescribesAnItem(options_.media_type))
    return SendSingle(indices.front());
  // Lines of JSON are longer than contents, so only those go that way that must.
  std::vector<std::size_t> framed;
  std::vector<std::size_t> lines;
  for (const std::size_t i : indices)
    (plain && pending_[i].next != Next::kAskReason ? framed : lines).push_back(i);
  if (!framed.empty()) SendBatch(BatchAnswer::Framing::kFramed, framed);
  if (!lines.empty()) SendBatch(BatchAnswer::Framing::kLines, lines);
}

void SaveCall::SendSingle(std::size_t index) {
  Request request{.method = "POST",
                  .target = "/v1/items",
                  .fields = fields_,
                  .body = std::string(contents_[index])};
  if (!options_.media_type.empty())
    request.fields.append("Content-Type: ").append(options_.media_type).append("\r\n");
  if (IsRequestId(options_.sender)) request.request_id = options_.sender;
  pending_[index].next = Next::kSend;
  const auto answer = caller_.TryOnce(request, patience());
  if (!answer) return TakeFailure(std::array{index}, answer.error());
  retry_after_ = answer->retry_after;
  pending_[index].may_have_begun |= answer->may_be_second;
  Take(index, answer->status, SaveResultOf(answer->status, answer->body));
}

void SaveCall::SendBatch(BatchAnswer::Framing framing, std::span<const std::size_t> indices) {
  const bool framed = framing == BatchAnswer::Framing::kFramed;
  Request request{.method = "POST", .target = "/v1/items:batch", .fields = fields_};
  request.fields.append("Content-Type: ")
      .append(framed ? kFramedBatchType : kNdjsonType)
      .append("\r\n");
  if (framed && !options_.media_type.empty())
    request.fields.append("Item-Media-Type: ").append(options_.media_type).append("\r\n");
  if (IsRequestId(options_.sender)) request.request_id = options_.sender;
  for (const std::size_t index : indices) {
    pending_[index].next = Next::kSend;
    if (framed) {
      AppendFramed(request.body, contents_[index]);
    } else {
      AppendJsonLine(request.body, contents_[index], options_.media_type);
    }
  }
  BatchAnswer batch(framing, [&](BatchLine line) {
    if (line.index < indices.size()) Take(indices[line.index], line.status, std::move(line.result));
  });
  const auto answer =
      caller_.TryOnce(request, patience(), [&](std::string_view piece) { batch.Feed(piece); });
  if (!answer) return TakeFailure(indices, answer.error());
  retry_after_ = std::max(retry_after_, answer->retry_after);
  for (const std::size_t index : indices) pending_[index].may_have_begun |= answer->may_be_second;
  if (answer->status != 200) return TakeRefusal(indices, *answer);
  if (batch.error()) return TakeFailure(indices, *batch.error());
  TakeFailure(indices, {ErrorCode::kUnknown, "the answer of the server at " + caller_.url() +
                                                 " ended before that to this content"});
}

void SaveCall::Take(std::size_t index, int status, SaveResult result) {
  Pending& pending = pending_[index];
  const bool would_wait = !options_.wait_max && options_.if_in_flight == IfInFlight::kJoin;
  if (result.saved()) {
    pending.next = Next::kSettled;
  } else if (result.outcome == Outcome::kInProgress) {
    pending.next = would_wait ? Next::kAskAgain : Next::kSettled;
  } else if (IsRetryable(status)) {
    pending.next = Next::kRetry;
  } else {
    pending.next = result.error ? Next::kSettled : Next::kAskReason;
  }
  const bool lacks_reason =
      !result.saved() && result.outcome != Outcome::kInProgress && !result.error;
  if (lacks_reason) result.error = ErrorOfProblem(status, "");
  pending.may_have_begun |=
      result.outcome == Outcome::kUnknown || result.outcome == Outcome::kInProgress;
  pending.result = std::move(result);
}

void SaveCall::TakeFailure(std::span<const std::size_t> indices, const Error& error) {
  const Outcome outcome =
      error.code == ErrorCode::kUnavailable ? Outcome::kUnavailable : Outcome::kUnknown;
  for (const std::size_t index : indices) {
    Pending& pending = pending_[index];
    if (pending.next != Next::kSend) continue;
    pending.may_have_begun |= outcome == Outcome::kUnknown;
    pending.result = {.outcome = outcome, .error = error};
    pending.next = IsRetryable(error.code) ? Next::kRetry : Next::kSettled;
  }
}

void SaveCall::TakeRefusal(std::span<const std::size_t> indices, const Answer& answer) {
  for (const std::size_t index : indices)
    Take(index, answer.status, SaveResultOf(answer.status, answer.body));
}

std::vector<std::size_t> SaveCall::Unsettled() const {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < pending_.size(); ++i)
    if (pending_[i].next != Next::kSettled) indices.push_back(i);
  return indices;
}

void SaveCall::WaitForNextRound() {
  if (Any(Next::kRetry)) {
    if (caller_.WaitToRetry(retries_++, retry_after_, *begun_)) return;
    Settle(Next::kRetry);
  }
  if (Any(Next::kAskAgain) && !caller_.Pause(pauses_++, retry_after_, asked_at_, *begun_))
    Settle(Next::kAskAgain);
}

bool SaveCall::Any(Next next) const {
  return std::ranges::find(pending_, next, &Pending::next) != pending_.end();
}

void SaveCall::Settle(Next next) {
  for (Pending& pending : pending_)
    if (pending.next == next) pending.next = Next::kSettled;
}

}  // namespace itemgate::client
