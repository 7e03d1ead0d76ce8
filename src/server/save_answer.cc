#include "server/save_answer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "server/target.h"

namespace itemgate::server {
namespace {

/// A number as text, without an allocation.
class Decimal {
 public:
  explicit Decimal(std::uint64_t number)
      : end_(std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr) {}
  [[nodiscard]] std::string_view text() const { return {digits_.data(), end_}; }

 private:
  std::array<char, 20> digits_;
  const char* end_;
};

void AddTerms(const ReplyTerms& terms, std::string& fields) {
  using Replayed = ReplyTerms::Replayed;
  if (terms.replayed != Replayed::kNoKey) {
    fields.append(terms.replayed == Replayed::kReplay ? "Idempotent-Replayed: true\r\n"
                                                      : "Idempotent-Replayed: false\r\n");
  }
  if (!terms.preference_applied.empty())
    fields.append("Preference-Applied: ").append(terms.preference_applied).append("\r\n");
}

// The answer that is given most often: two strings, each of them allocated once.
http::Response SavedResponse(const SaveResult& result, const ReplyTerms& terms) {
  constexpr std::size_t kFieldBytes = 240;  // with X-Request-Id, and what the server adds
  constexpr std::size_t kBodyBytes = 64;
  const Decimal decimal(result.id.value);
  const std::string_view id = decimal.text();
  const std::string_view outcome = OutcomeText(result);
  const bool created = result.outcome == Outcome::kCreated;

  http::Response response{.status = created ? 201 : 200};
  response.fields.reserve(kFieldBytes);
  response.fields.append("Content-Type: application/json\r\nItem-Id: ")
      .append(id)
      .append("\r\nItem-Outcome: ")
      .append(outcome)
      .append(created ? "\r\nLocation: /v1/items/" : "\r\nContent-Location: /v1/items/")
      .append(id)
      .append("\r\n");
  AddTerms(terms, response.fields);
  response.body.reserve(kBodyBytes);
  response.body.append(R"({"outcome":")")
      .append(outcome)
      .append(R"(","id":)")
      .append(id)
      .append("}");
  return response;
}

http::Response InProgressResponse(const ReplyTerms& terms, std::string_view operation,
                                  Duration typical_delay) {
  http::Response response{.status = 202};
  response.fields.append("Content-Type: application/json\r\nItem-Outcome: in-progress\r\n")
      .append("Location: /v1/operations/")
      .append(operation)
      .append("\r\n");
  AddTerms(terms, response.fields);
  response.Add("Retry-After", static_cast<std::uint64_t>(RetryAfter(typical_delay).count()));
  // Neither a digest nor a scope's name has a character that JSON would escape.
  response.body.append(R"({"outcome":"in-progress","operation":")").append(operation).append("\"}");
  return response;
}

}  // namespace

std::string OperationName(const ContentKey& key) {
  return key.digest.ToHex().append(1, '.').append(key.scope.name());
}

std::expected<Operation, Problem> ParseOperationName(std::string_view name) {
  constexpr std::size_t kHexBytes = 64;
  const Problem unknown{.code = ProblemCode::kNotFound,
                        .detail =
                            "there is no such operation; its name is the SHA-256 of the "
                            "content in hexadecimal digits, a dot and the scope"};
  if (name.size() < kHexBytes + 2 || name[kHexBytes] != '.') return std::unexpected(unknown);
  const Result<Digest> digest = Digest::FromHex(name.substr(0, kHexBytes));
  if (!digest) return std::unexpected(unknown);
  Result<ScopeLoan> scope = ScopeLoan::Named(name.substr(kHexBytes + 1));
  if (!scope) {
    const bool is_busy = scope.error().code == ErrorCode::kBusy;
    return std::unexpected(is_busy ? ProblemOf(scope.error()) : unknown);
  }
  return Operation{.digest = *digest, .scope = std::move(*scope)};
}

std::string_view OutcomeText(const SaveResult& result) {
  if (result.outcome == Outcome::kDuplicate && result.joined) return "joined";
  if (result.outcome == Outcome::kInProgress) return "in-progress";
  return OutcomeName(result.outcome);
}

int StatusOf(const SaveResult& result) {
  switch (result.outcome) {
    case Outcome::kCreated:
      return 201;
    case Outcome::kDuplicate:
      return 200;
    case Outcome::kInProgress:
      return 202;
    case Outcome::kUnknown:
    case Outcome::kRejected:
    case Outcome::kFailed:
    case Outcome::kUnavailable:
      break;
  }
  return KindOf(ProblemOf(result).code).status;
}

std::expected<http::Response, Problem> SaveResponse(const SaveResult& result,
                                                    const ReplyTerms& terms,
                                                    std::string_view operation,
                                                    Duration typical_delay) {
  if (result.outcome == Outcome::kDuplicate && terms.only_create) {
    return std::unexpected(
        Problem{.code = ProblemCode::kAlreadyExists,
                .detail = "the content was saved before, and the request says If-None-Match: *",
                .item_id = result.id});
  }
  if (result.saved()) return SavedResponse(result, terms);
  if (result.outcome != Outcome::kInProgress) {
    Problem problem = ProblemOf(result);
    problem.operation = operation;
    return std::unexpected(std::move(problem));
  }
  if (!terms.refuse_in_progress || !result.joined)
    return InProgressResponse(terms, operation, typical_delay);
  return std::unexpected(Problem{
      .code = ProblemCode::kContentInProgress,
      .detail = "the content is being saved right now; ask again after Retry-After, or send "
                "it with If-In-Flight: join to wait",
      .operation = std::string(operation),
      .retry_after = RetryAfter(typical_delay)});
}

std::chrono::seconds RetryAfter(Duration typical_delay) {
  return std::clamp(std::chrono::ceil<std::chrono::seconds>(typical_delay), std::chrono::seconds(1),
                    std::chrono::seconds(60));
}

}  // namespace itemgate::server
