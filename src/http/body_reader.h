#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "http/request_parser.h"

namespace itemgate::http {

/// Takes a request's body out of the bytes that follow its head, whether its length was declared or it is chunked.
///
/// The chunked framing is read more strictly than RFC 9112 asks: sizes of at most 15 digits, extensions of at most
/// 1 KiB, trailers (which are dropped) of at most 8 KiB, no byte between the pieces that does not belong there. The
/// verdict depends on the bytes only, not on how they were split; no byte is looked at twice, none is kept.
class BodyReader {
 public:
  /// No body.
  BodyReader() = default;
  /// A chunked body that grows beyond `bytes_max` is a problem with status 413.
  BodyReader(const Framing& framing, std::size_t bytes_max);

  /// The next piece of the body, which lies in `input`; whatever was used up is removed from its front. Empty when all
  /// of `input` is used up, or the body is complete. REQUIRES: no problem was reported before.
  [[nodiscard]] std::expected<std::string_view, ParseProblem> Next(std::string_view& input);

  [[nodiscard]] bool is_complete() const { return state_ == State::kComplete; }

 private:
  enum class State : std::uint8_t {
    kDeclared,  // in a body of declared length
    kSize,      // at the first digit of a chunk's size
    kSizeMore,
    kExtension,
    kSizeEnd,  // at the LF after a size
    kData,
    kDataCr,
    kDataLf,
    kTrailer,  // at the beginning of a trailer, or of the empty line
    kTrailerName,
    kTrailerValue,
    kTrailerEnd,
    kLastLf,
    kComplete
  };

  [[nodiscard]] std::string_view TakeData(std::string_view& input);
  /// One byte of the framing between the data. False if it does not belong there.
  [[nodiscard]] bool Frame(char c);
  [[nodiscard]] bool AddDigit(char c);
  [[nodiscard]] bool FrameTrailer(char c);

  std::uint64_t left_ = 0;  // of the declared body, or of the chunk
  std::uint64_t room_ = 0;  // how much longer a chunked body may become
  std::uint32_t line_bytes_ =
      0;  // of the digits of a size, of an extension, or of all trailers so far
  State state_ = State::kComplete;
};

}  // namespace itemgate::http
