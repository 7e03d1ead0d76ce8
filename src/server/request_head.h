#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "http/request.h"

namespace itemgate::server {

/// The request headers that mean something to the API.
enum class Header : std::uint8_t {
  kAccept,
  kContentDigest,
  kContentEncoding,
  kContentType,
  kIdempotencyKey,
  kIfInFlight,
  kIfNoneMatch,
  kItemMediaType,
  kItemScope,
  kLastEventId,
  kPrefer,
  kReprDigest,
  kRequestTimeout,
  kTraceparent,
  kXRequestId,
};
inline constexpr std::size_t kHeaderCount = static_cast<std::size_t>(Header::kXRequestId) + 1;

/// "Content-Type".
[[nodiscard]] std::string_view NameOf(Header header);

/// Those headers of one request, found in one pass over its fields. Views into the request: valid as long as it is.
class RequestHead {
 public:
  explicit RequestHead(const http::Request& request);

  /// The value, empty if there is none. Of a repeated header the first.
  [[nodiscard]] std::string_view operator[](Header header) const {
    return values_[static_cast<std::size_t>(header)];
  }
  [[nodiscard]] bool Has(Header header) const { return (present_ & Bit(header)) != 0; }
  /// A header that may stand only once and stands there twice, if there is one.
  [[nodiscard]] std::optional<Header> RepeatedSingle() const;
  /// True if a header that is a list has more than one line.
  [[nodiscard]] bool IsRepeated(Header header) const { return (repeated_ & Bit(header)) != 0; }

  [[nodiscard]] const http::Request& request() const { return *request_; }

 private:
  [[nodiscard]] static constexpr std::uint32_t Bit(Header header) {
    return std::uint32_t{1} << static_cast<std::uint32_t>(header);
  }

  const http::Request* request_;
  std::uint32_t present_ = 0;
  std::uint32_t repeated_ = 0;
  std::string_view values_[kHeaderCount];
};

/// Without the spaces and tabs around it.
[[nodiscard]] std::string_view Trimmed(std::string_view text);

/// "text/plain" of "text/plain; charset=utf-8".
[[nodiscard]] std::string_view MediaTypeEssence(std::string_view media_type);
/// True if the type has no charset parameter, or it is utf-8.
[[nodiscard]] bool IsUtf8Charset(std::string_view media_type);
/// True if the Accept headers (RFC 9110 section 12.5.1), or their absence, allow this type.
[[nodiscard]] bool Accepts(const RequestHead& head, std::string_view media_type);

/// The members of a list header, in however many lines it stands.
[[nodiscard]] std::string AllLinesOf(const RequestHead& head, Header header);
/// True if the list of If-None-Match has this entity tag, by weak comparison (RFC 9110 section 13.1.2), or is "*".
[[nodiscard]] bool ListsEntityTag(std::string_view list, std::string_view tag);

/// What the Prefer headers (RFC 7240) ask for. What is not understood is ignored, as the RFC says.
struct Preferences {
  std::optional<Duration> wait;
  bool respond_async = false;
};
[[nodiscard]] Preferences ParsePreferences(const RequestHead& head);

/// Seconds with or without a fraction ("2", "0.5"), to the millisecond; more than a year is a year.
[[nodiscard]] std::optional<Duration> ParseSeconds(std::string_view text);

/// The 32 hexadecimal digits of a valid `traceparent` (W3C Trace Context), else empty.
[[nodiscard]] std::string_view TraceIdOf(const RequestHead& head);

/// True if the text may be taken over as a request id: 1 to 128 visible ASCII characters.
[[nodiscard]] bool IsRequestId(std::string_view text);

}  // namespace itemgate::server
