#include "http/response_parser.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/check.h"
#include "http/ascii.h"

namespace itemgate::http {
namespace {

namespace beast = boost::beast;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

/// What begins otherwise is told at once: the parser would wait for the end of a head first.
bool MayBeHttp(std::string_view begin) {
  constexpr std::string_view kBegin = "HTTP/1.";
  const std::size_t size = std::min(begin.size(), kBegin.size());
  return begin.substr(0, size) == kBegin.substr(0, size);
}

std::unexpected<Error> NotHttp(std::string_view why) {
  return Fail(ErrorCode::kCorrupt,
              "the response is not HTTP/1.1 as it should be: " + std::string(why));
}

std::unexpected<Error> TooLarge() {
  return Fail(ErrorCode::kTooLarge, "the response is larger than the limit");
}

/// Takes from Beast's parser what it finds in one whole head.
class HeadSink final : public beast::http::basic_parser<false> {
 public:
  HeadSink(std::vector<Field>& fields, bool has_no_body) : fields_(fields) {
    header_limit(std::numeric_limits<std::uint32_t>::max());  // both limits are the owner's
    body_limit(boost::none);
    skip(has_no_body);
    fields_.clear();
  }

  [[nodiscard]] int status() const { return status_; }

 private:
  using Code = beast::error_code;

  void on_response_impl(int status, beast::string_view, int, Code& error) override {
    constexpr int kSwitchingProtocols = 101;  // which nobody asked for
    if (status < 100 || status == kSwitchingProtocols) error = beast::http::error::bad_status;
    status_ = status;
  }

  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     Code&) override {
    fields_.push_back({View(name), View(value)});
  }

  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                       Code&) override {}
  void on_header_impl(Code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(beast::string_view, Code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, Code&) override { return 0; }
  void on_finish_impl(Code&) override {}

  std::vector<Field>& fields_;
  int status_ = 0;
};

}  // namespace

void ResponseParser::Begin(Expect expect) {
  expect_ = expect;
  has_begun_ = has_head_ = is_complete_ = keep_alive_ = ends_with_connection_ = false;
  status_ = 0;
  head_.clear();
  fields_.clear();
  body_.clear();
}

Result<std::size_t> ResponseParser::Feed(std::string_view bytes) {
  ITEMGATE_CHECK(!is_complete_);
  has_begun_ = has_begun_ || !bytes.empty();
  std::string_view rest = bytes;
  while (!rest.empty() && !is_complete_) {
    const auto read = has_head_ ? ReadBody(rest) : ReadHead(rest);
    if (!read) return std::unexpected(read.error());
  }
  return bytes.size() - rest.size();
}

Result<void> ResponseParser::ReadHead(std::string_view& rest) {
  const std::size_t line_feed = rest.find('\n');
  const bool ends_line = line_feed != std::string_view::npos;
  const std::string_view piece = ends_line ? rest.substr(0, line_feed + 1) : rest;
  if (head_.size() + piece.size() > limits_.head_bytes_max) return TooLarge();
  head_.append(piece);
  rest.remove_prefix(piece.size());
  if (!MayBeHttp(head_)) return NotHttp("it begins otherwise");
  if (ends_line && !head_.ends_with("\r\n")) return NotHttp("a line must end with CR LF");
  return head_.ends_with("\r\n\r\n") ? ParseHead() : Result<void>();
}

Result<void> ResponseParser::ParseHead() {
  HeadSink sink(fields_, expect_ == Expect::kHeadOnly);
  beast::error_code error;
  sink.put(boost::asio::buffer(head_), error);
  if (error) return NotHttp(error.message());
  if (!sink.is_header_done()) return NotHttp("the head ends before its end");
  if (sink.status() / 100 == 1) {  // an interim one
    head_.clear();
    fields_.clear();
    return {};
  }
  status_ = sink.status();
  keep_alive_ = sink.keep_alive();
  has_head_ = true;
  ends_with_connection_ = sink.need_eof();
  room_ = limits_.body_bytes_max;
  if (sink.is_done() || ends_with_connection_) {
    is_complete_ = sink.is_done();
    return {};
  }
  const std::uint64_t length = sink.content_length().value_or(0);
  if (length > limits_.body_bytes_max) return TooLarge();
  body_reader_ = BodyReader({.content_length = length, .chunked = sink.chunked()}, room_);
  return {};
}

Result<void> ResponseParser::ReadBody(std::string_view& rest) {
  if (ends_with_connection_) {
    if (rest.size() > room_) return TooLarge();
    room_ -= rest.size();
    body_.append(std::exchange(rest, {}));
    return {};
  }
  const auto piece = body_reader_.Next(rest);
  if (!piece && piece.error().status == 413) return TooLarge();
  if (!piece) return NotHttp(piece.error().detail);
  body_.append(*piece);
  is_complete_ = body_reader_.is_complete();
  return {};
}

Result<void> ResponseParser::FeedEnd() {
  ITEMGATE_CHECK(!is_complete_);
  if (has_head_ && ends_with_connection_) {
    is_complete_ = true;
    return {};
  }
  return Fail(ErrorCode::kUnavailable,
              has_begun_ ? "the connection was closed in the middle of a response"
                         : "the connection was closed before there was a response");
}

std::optional<std::string_view> ResponseParser::Find(std::string_view name) const {
  const auto found = std::ranges::find_if(
      fields_, [name](const Field& field) { return EqualsIgnoringCase(field.name, name); });
  if (found == fields_.end()) return std::nullopt;
  return found->value;
}

std::string ResponseParser::TakeBody() { return std::exchange(body_, {}); }

}  // namespace itemgate::http
