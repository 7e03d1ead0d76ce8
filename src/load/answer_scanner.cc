#include "load/answer_scanner.h"

#include <algorithm>
#include <charconv>

namespace itemgate::load {
namespace {

constexpr std::size_t kHeadBytesMax = 64 << 10;
constexpr std::size_t kStatusLineBytesMin = std::string_view("HTTP/1.1 200").size();

std::unexpected<Error> Malformed(std::string what) {
  return Fail(ErrorCode::kInvalidArgument, "not an answer of HTTP/1.1: " + std::move(what));
}

/// `name` in lower case.
bool IsNamed(std::string_view field, std::string_view name) {
  return std::ranges::equal(field, name, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
  });
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

template <typename Number>
std::optional<Number> NumberOf(std::string_view text, int base) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The line at `at`, without its end, and moves `at` behind it. Nothing if its end has not come.
std::optional<std::string_view> NextLine(std::string_view bytes, std::size_t& at) {
  const std::size_t end = bytes.find('\n', at);
  if (end == bytes.npos) return std::nullopt;
  std::string_view line = bytes.substr(at, end - at);
  if (line.ends_with('\r')) line.remove_suffix(1);
  at = end + 1;
  return line;
}

Result<int> StatusOf(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < kStatusLineBytesMin)
    return Malformed("it begins with \"" + std::string(line.substr(0, kStatusLineBytesMin)) + "\"");
  const auto status = NumberOf<int>(line.substr(9, 3), 10);
  if (!status || *status < 100) return Malformed("its status is no number");
  return *status;
}

}  // namespace

Result<void> AnswerScanner::Consume(std::string_view bytes) {
  const bool joins = !rest_.empty();
  if (joins) {
    rest_ += bytes;
    bytes = rest_;
  }
  while (!bytes.empty()) {
    const auto taken = Step(bytes);
    if (!taken) return std::unexpected(taken.error());
    if (!*taken) break;
  }
  if (bytes.size() > kHeadBytesMax) return Malformed("its head is too long");
  if (joins)
    rest_.erase(0, rest_.size() - bytes.size());
  else
    rest_ = bytes;
  return {};
}

void AnswerScanner::Restart() {
  state_ = State::kHead;
  rest_.clear();
}

Result<bool> AnswerScanner::Step(std::string_view& bytes) {
  switch (state_) {
    case State::kHead:
      return TakeHead(bytes);
    case State::kChunkSize:
      return TakeChunkSize(bytes);
    case State::kBody:
    case State::kChunk:
      return TakeBody(bytes);
    case State::kChunkEnd:
    case State::kTrailer:
      return TakeLine(bytes);
  }
  return false;
}

Result<bool> AnswerScanner::TakeHead(std::string_view& bytes) {
  std::size_t at = 0;
  const auto status_line = NextLine(bytes, at);
  if (!status_line) return false;
  const auto status = StatusOf(*status_line);
  if (!status) return std::unexpected(status.error());
  answer_ = {.status = *status, .outcome = {}, .closes = status_line->starts_with("HTTP/1.0")};
  chunked_ = false;
  length_.reset();
  for (;;) {
    const auto line = NextLine(bytes, at);
    if (!line) return false;
    if (line->empty()) break;
    if (auto taken = TakeField(*line); !taken) return std::unexpected(taken.error());
  }
  bytes.remove_prefix(at);
  if (auto begun = BeginBody(); !begun) return std::unexpected(begun.error());
  return true;
}

Result<void> AnswerScanner::TakeField(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return Malformed("a line of its head has no colon");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trimmed(line.substr(colon + 1));
  switch (name.size()) {  // few names are as long as those that count
    case 10:
      if (IsNamed(name, "connection") && IsNamed(value, "close")) answer_.closes = true;
      break;
    case 12:
      if (IsNamed(name, "item-outcome")) answer_.outcome = ItemOutcomeNamed(value);
      break;
    case 14:
      if (!IsNamed(name, "content-length")) break;
      length_ = NumberOf<std::uint64_t>(value, 10);
      if (!length_) return Malformed("its Content-Length is no number");
      break;
    case 17:
      if (IsNamed(name, "transfer-encoding")) chunked_ = IsNamed(value, "chunked");
      break;
    default:
      break;
  }
  return {};
}

Result<void> AnswerScanner::BeginBody() {
  if (answer_.status < 200) return {};  // an interim answer: the one that counts follows
  if (answer_.status == 204 || answer_.status == 304) {
    End();
  } else if (chunked_) {
    state_ = State::kChunkSize;
  } else if (!length_) {
    return Malformed("it says neither Content-Length nor chunked, so nobody knows where it ends");
  } else if (*length_ == 0) {
    End();
  } else {
    body_left_ = *length_;
    state_ = State::kBody;
  }
  return {};
}

Result<bool> AnswerScanner::TakeChunkSize(std::string_view& bytes) {
  std::size_t at = 0;
  const auto line = NextLine(bytes, at);
  if (!line) return false;
  const auto size = NumberOf<std::uint64_t>(Trimmed(line->substr(0, line->find(';'))), 16);
  if (!size) return Malformed("the size of a chunk is no number");
  bytes.remove_prefix(at);
  body_left_ = *size;
  state_ = *size == 0 ? State::kTrailer : State::kChunk;
  return true;
}

Result<bool> AnswerScanner::TakeLine(std::string_view& bytes) {
  std::size_t at = 0;
  const auto line = NextLine(bytes, at);
  if (!line) return false;
  bytes.remove_prefix(at);
  if (state_ == State::kChunkEnd) {
    if (!line->empty()) return Malformed("a chunk is longer than it says");
    state_ = State::kChunkSize;
  } else if (line->empty()) {
    End();
  }
  return true;
}

bool AnswerScanner::TakeBody(std::string_view& bytes) {
  const std::size_t size =
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left_));
  sink_.BodyArrived(answer_, bytes.substr(0, size));
  bytes.remove_prefix(size);
  body_left_ -= size;
  if (body_left_ > 0) return true;
  if (state_ == State::kChunk)
    state_ = State::kChunkEnd;
  else
    End();
  return true;
}

void AnswerScanner::End() {
  state_ = State::kHead;
  sink_.AnswerEnded(answer_);
}

}  // namespace itemgate::load
