#include "http/request_parser.h"

#include <algorithm>
#include <limits>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "http/ascii.h"
#include "http/request_target.h"

namespace itemgate::http {
namespace {

namespace beast = boost::beast;
using Verb = beast::http::verb;
using KnownField = beast::http::field;

constexpr ParseProblem kNotHttp{400, "bad_request",
                                "This is not HTTP/1.1: send 'METHOD /path HTTP/1.1' first."};
constexpr ParseProblem kOtherVersion{505, "version-not-supported",
                                     "Only HTTP/1.1 and HTTP/1.0 are spoken here."};
constexpr ParseProblem kLineTooLong{414, "target-too-long",
                                    "The request line is too long: shorten the target."};
constexpr ParseProblem kHeadTooLarge{431, "head-too-large",
                                     "The header fields are too large or too many: send less."};
constexpr ParseProblem kBareLineFeed{400, "bad_framing", "A line must end with CR LF."};
constexpr ParseProblem kBadField{
    400, "bad_framing",
    "A header line must be 'Name: value', without a space before the colon and on one line."};
constexpr ParseProblem kBadHead{
    400, "bad_framing",
    "The request line or a header field holds bytes that are not allowed there."};
constexpr ParseProblem kBadFraming{
    400, "bad_framing",
    "Send either one Content-Length of decimal digits, or, over HTTP/1.1, one Transfer-Encoding."};
constexpr ParseProblem kUnknownCoding{
    501, "not-implemented", "The only transfer coding is 'chunked': send the body as it is."};
constexpr ParseProblem kNoHost{400, "bad_request", "A request must have exactly one Host field."};
constexpr ParseProblem kBadHost{400, "bad_request",
                                "The Host field must be a host and, if need be, a port."};
constexpr ParseProblem kUnknownMethod{501, "not-implemented", "This method is not known here."};
constexpr ParseProblem kConnect{405, "method-not-allowed", "This server is not a proxy."};
constexpr ParseProblem kExpectation{417, "expectation-failed",
                                    "The only expectation met here is '100-continue'."};

bool IsVersion(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && IsDigit(text[5]) && text[6] == '.' &&
         IsDigit(text[7]);
}

/// Of a whole request line, only what tells other protocols and versions apart; Beast reads the rest.
std::optional<ParseProblem> CheckRequestLine(std::string_view line) {
  if (line.ends_with(" HTTP/1.1\r\n") || line.ends_with(" HTTP/1.0\r\n")) return std::nullopt;
  const std::string_view text = line.substr(0, line.size() - 2);
  return IsVersion(text.substr(text.rfind(' ') + 1)) ? kOtherVersion : kNotHttp;
}

bool IsFieldLine(std::string_view line) {
  std::size_t name = 0;
  while (IsTokenByte(line[name])) ++name;  // ends at CR at the latest
  return name > 0 && line[name] == ':';
}

Method MethodOf(Verb verb) {
  switch (verb) {
    case Verb::get:
      return Method::kGet;
    case Verb::head:
      return Method::kHead;
    case Verb::post:
      return Method::kPost;
    case Verb::put:
      return Method::kPut;
    case Verb::patch:
      return Method::kPatch;
    case Verb::delete_:
      return Method::kDelete;
    case Verb::options:
      return Method::kOptions;
    case Verb::trace:
      return Method::kTrace;
    case Verb::connect:
      return Method::kConnect;
    default:
      return Method::kUnknown;
  }
}

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

/// Takes from Beast's parser what it finds in one whole head. Bodies are BodyReader's: what Beast says of chunks
/// depends on how they are split, and it gathers an extension whose quotes are not closed for ever.
class HeadSink final : public beast::http::basic_parser<true> {
 public:
  explicit HeadSink(Request& request) : request_(request) {
    header_limit(std::numeric_limits<std::uint32_t>::max());  // HeadScanner has seen to it
    body_limit(boost::none);
    request_.method = Method::kUnknown;
    request_.fields.clear();
  }

  [[nodiscard]] std::optional<ParseProblem> CheckFraming() const {
    if (length_count_ + coding_count_ > 1 || !is_length_sound_) return kBadFraming;
    if (coding_count_ == 1 && request_.http_1_0) return kBadFraming;
    if (coding_count_ == 1 && !is_coding_chunked_) return kUnknownCoding;
    return std::nullopt;
  }

  [[nodiscard]] std::optional<ParseProblem> CheckHost() const {
    if (host_count_ > 1 || (host_count_ == 0 && !request_.http_1_0)) return kNoHost;
    if (!IsAuthority(host_)) return kBadHost;
    return std::nullopt;
  }

  [[nodiscard]] std::string_view target() const { return target_; }
  [[nodiscard]] std::string_view host() const { return host_; }
  [[nodiscard]] bool expects_continue() const { return expects_continue_; }
  [[nodiscard]] bool expects_else() const { return expects_else_; }

 private:
  using Code = beast::error_code;

  void on_request_impl(Verb verb, beast::string_view method, beast::string_view target, int version,
                       Code&) override {
    request_.method = MethodOf(verb);
    request_.method_name = View(method);
    request_.http_1_0 = version == 10;
    target_ = View(target);
  }

  void on_field_impl(KnownField known, beast::string_view name, beast::string_view text,
                     Code&) override {
    const std::string_view value = View(text);
    request_.fields.push_back({View(name), value});
    if (known == KnownField::content_length) {
      ++length_count_;
      is_length_sound_ = is_length_sound_ && !value.empty() && std::ranges::all_of(value, IsDigit);
    } else if (known == KnownField::transfer_encoding) {
      ++coding_count_;
      is_coding_chunked_ = EqualsIgnoringCase(value, "chunked");
    } else if (known == KnownField::host) {
      ++host_count_;
      host_ = value;
    } else if (known == KnownField::expect && !value.empty()) {
      (EqualsIgnoringCase(value, "100-continue") ? expects_continue_ : expects_else_) = true;
    }
  }

  void on_response_impl(int, beast::string_view, int, Code&) override {}
  void on_header_impl(Code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(beast::string_view, Code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, Code&) override { return 0; }
  void on_finish_impl(Code&) override {}

  Request& request_;
  std::string_view target_;
  std::string_view host_;
  int length_count_ = 0;
  int coding_count_ = 0;
  int host_count_ = 0;
  bool is_length_sound_ = true;
  bool is_coding_chunked_ = false;
  bool expects_continue_ = false;
  bool expects_else_ = false;
};

}  // namespace

bool HeadScanner::IsMethodSound(std::string_view input) {
  for (; !method_complete_ && method_ < input.size(); ++method_) {
    method_complete_ = method_ > 0 && input[method_] == ' ';
    if (!method_complete_ && !IsTokenByte(input[method_])) return false;
  }
  return true;
}

std::expected<std::optional<std::size_t>, ParseProblem> HeadScanner::Scan(
    std::string_view input, const ServerLimits& limits) {
  if (!IsMethodSound(input.substr(0, limits.request_line_bytes_max))) {
    return std::unexpected(kNotHttp);
  }
  for (;;) {
    const std::size_t line_feed = input.find('\n', scanned_);
    const bool is_complete = line_feed != std::string_view::npos;
    const std::size_t end = is_complete ? line_feed + 1 : input.size();
    const bool is_first = line_ == 0;
    if (is_first && end > limits.request_line_bytes_max) return std::unexpected(kLineTooLong);
    if (end > limits.head_bytes_max) return std::unexpected(kHeadTooLarge);
    scanned_ = end;
    if (!is_complete) return std::nullopt;

    const std::string_view line = input.substr(line_, end - line_);
    if (!line.ends_with("\r\n")) return std::unexpected(kBareLineFeed);
    line_ = end;
    if (is_first) {
      if (const auto problem = CheckRequestLine(line)) return std::unexpected(*problem);
      continue;
    }
    if (line.size() == 2) return end;
    if (++field_count_ > limits.fields_max) return std::unexpected(kHeadTooLarge);
    if (!IsFieldLine(line)) return std::unexpected(kBadField);
  }
}

std::expected<Framing, ParseProblem> ParseHead(std::string_view head, Request& request) {
  HeadSink sink(request);
  beast::error_code error;
  sink.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error == beast::http::error::bad_transfer_encoding ||
      error == beast::http::error::bad_content_length ||
      error == beast::http::error::multiple_content_length) {
    return std::unexpected(kBadFraming);
  }
  if (error || !sink.is_header_done()) return std::unexpected(kBadHead);
  if (const auto problem = sink.CheckFraming()) return std::unexpected(*problem);
  if (const auto problem = sink.CheckHost()) return std::unexpected(*problem);
  if (request.method == Method::kUnknown) return std::unexpected(kUnknownMethod);
  if (request.method == Method::kConnect) return std::unexpected(kConnect);
  if (const auto problem = ParseTarget(sink.target(), sink.host(), request)) {
    return std::unexpected(*problem);
  }

  Framing framing;
  framing.content_length = sink.content_length().value_or(0);
  framing.chunked = sink.chunked();
  framing.keep_alive = sink.keep_alive();
  if (!request.http_1_0) {
    if (sink.expects_else()) return std::unexpected(kExpectation);
    framing.expects_continue = sink.expects_continue();
  }
  request.has_body = framing.has_body();
  return framing;
}

std::expected<Framing, ParseProblem> HeadReader::Read(std::string_view head) {
  if (head == head_) return framing_;
  request_.finding.reset();
  head_ = head;
  auto framing = ParseHead(head_, request_);
  if (framing) {
    framing_ = *framing;
  } else {
    head_.clear();
  }
  return framing;
}

}  // namespace itemgate::http
