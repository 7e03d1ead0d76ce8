#include "http/body_reader.h"

#include <algorithm>

#include "http/ascii.h"

namespace itemgate::http {
namespace {

constexpr std::uint32_t kSizeDigitsMax = 15;  // so that a size cannot overflow
constexpr std::uint32_t kExtensionBytesMax = 1 << 10;
constexpr std::uint32_t kTrailerBytesMax = 8 << 10;

constexpr ParseProblem kBadChunk{400, "bad_framing",
                                 "The chunked body is not framed as RFC 9112 says."};
constexpr ParseProblem kTooLarge{
    413, "too-large", "The body is larger than what is accepted here: send less at a time."};

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = LowerAscii(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

BodyReader::BodyReader(const Framing& framing, std::size_t bytes_max)
    : left_(framing.chunked ? 0 : framing.content_length), room_(bytes_max) {
  if (framing.chunked) state_ = State::kSize;
  if (left_ > 0) state_ = State::kDeclared;
}

std::expected<std::string_view, ParseProblem> BodyReader::Next(std::string_view& input) {
  while (!input.empty() && !is_complete()) {
    if (state_ == State::kDeclared || state_ == State::kData) return TakeData(input);
    if (!Frame(input.front())) return std::unexpected(kBadChunk);
    input.remove_prefix(1);
    if (state_ != State::kData) continue;
    if (left_ > room_) return std::unexpected(kTooLarge);
    room_ -= left_;
  }
  return std::string_view();
}

std::string_view BodyReader::TakeData(std::string_view& input) {
  const std::string_view piece = input.substr(0, std::min<std::uint64_t>(left_, input.size()));
  input.remove_prefix(piece.size());
  left_ -= piece.size();
  if (left_ == 0) state_ = state_ == State::kDeclared ? State::kComplete : State::kDataCr;
  return piece;
}

bool BodyReader::AddDigit(char c) {
  const int value = HexValue(c);
  if (value < 0 || ++line_bytes_ > kSizeDigitsMax) return false;
  left_ = left_ * 16 + static_cast<std::uint64_t>(value);
  state_ = State::kSizeMore;
  return true;
}

bool BodyReader::Frame(char c) {
  switch (state_) {
    case State::kSize:
      return AddDigit(c);
    case State::kSizeMore:
      if (c != ';' && c != '\r') return AddDigit(c);
      line_bytes_ = 0;
      state_ = c == ';' ? State::kExtension : State::kSizeEnd;
      return true;
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeEnd;
        return true;
      }
      return ++line_bytes_ <= kExtensionBytesMax && (!IsControl(c) || c == '\t');
    case State::kSizeEnd:
      line_bytes_ = 0;
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      return c == '\n';
    case State::kDataCr:
      state_ = State::kDataLf;
      return c == '\r';
    case State::kDataLf:
      state_ = State::kSize;
      return c == '\n';
    default:
      return FrameTrailer(c);
  }
}

bool BodyReader::FrameTrailer(char c) {
  if (++line_bytes_ > kTrailerBytesMax) return false;
  switch (state_) {
    case State::kTrailer:
      state_ = c == '\r' ? State::kLastLf : State::kTrailerName;
      return c == '\r' || IsTokenByte(c);
    case State::kTrailerName:
      if (c == ':') state_ = State::kTrailerValue;
      return c == ':' || IsTokenByte(c);
    case State::kTrailerValue:
      if (c == '\r') state_ = State::kTrailerEnd;
      return c == '\r' || c == '\t' || !IsControl(c);
    case State::kTrailerEnd:
      state_ = State::kTrailer;
      return c == '\n';
    default:
      state_ = State::kComplete;
      return c == '\n';
  }
}

}  // namespace itemgate::http
