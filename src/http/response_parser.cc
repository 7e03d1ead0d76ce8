#include "http/response_parser.h"

#include <algorithm>
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

std::unexpected<Error> Failed(const beast::error_code& error) {
  if (error == beast::http::error::body_limit || error == beast::http::error::header_limit)
    return Fail(ErrorCode::kTooLarge, "the response is larger than the limit");
  return Fail(ErrorCode::kCorrupt,
              "the response is not HTTP/1.1 as it should be: " + error.message());
}

}  // namespace

/// Beast's parser of one response, which writes what it finds into its owner.
class ResponseParser::Parser final : public beast::http::basic_parser<false> {
 public:
  explicit Parser(ResponseParser& owner) : owner_(&owner) {
    eager(true);
    header_limit(owner.limits_.head_bytes_max);
    body_limit(owner.limits_.body_bytes_max);
    skip(owner.expect_ == Expect::kHeadOnly);
  }

  [[nodiscard]] bool has_status_line() const { return status_ != 0; }
  [[nodiscard]] bool is_interim() const { return status_ / 100 == 1; }

 private:
  using ErrorOut = beast::error_code&;

  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                       ErrorOut) override {}

  void on_response_impl(int status, beast::string_view, int, ErrorOut error) override {
    constexpr int kSwitchingProtocols = 101;  // which nobody asked for
    if (status < 100 || status == kSwitchingProtocols) error = beast::http::error::bad_status;
    status_ = status;
  }

  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     ErrorOut) override {
    if (is_header_done()) return;  // a trailer
    std::string& head = owner_->head_;
    owner_->fields_.push_back({View(name), View(value)});  // for their sizes: they do not stay
    head.append(View(name)).append(View(value));
  }

  void on_header_impl(ErrorOut) override {
    if (is_interim()) return owner_->fields_.clear();
    std::string_view rest = owner_->head_;
    const auto next = [&rest](std::size_t size) {
      const std::string_view part = rest.substr(0, size);
      rest.remove_prefix(size);
      return part;
    };
    for (Field& field : owner_->fields_) {
      field.name = next(field.name.size());
      field.value = next(field.value.size());
    }
    owner_->status_ = status_;
    owner_->keep_alive_ = keep_alive();
    owner_->has_head_ = true;
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorOut) override {}

  std::size_t on_body_impl(beast::string_view piece, ErrorOut) override {
    owner_->body_.append(View(piece));
    return piece.size();
  }

  void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorOut) override {}

  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view piece, ErrorOut) override {
    owner_->body_.append(View(piece));
    return piece.size();
  }

  void on_finish_impl(ErrorOut) override {}

  ResponseParser* owner_;  // outlives it; a pointer, so that a new parser can take its place
  int status_ = 0;
};

ResponseParser::ResponseParser(const Limits& limits)
    : limits_(limits), parser_(std::make_unique<Parser>(*this)) {}

ResponseParser::~ResponseParser() = default;

void ResponseParser::Begin(Expect expect) {
  expect_ = expect;
  unparsed_.clear();
  has_begun_ = has_head_ = is_complete_ = keep_alive_ = false;
  status_ = 0;
  head_.clear();
  fields_.clear();
  body_.clear();
  *parser_ = Parser(*this);
}

Result<std::size_t> ResponseParser::Feed(std::string_view bytes) {
  ITEMGATE_CHECK(!is_complete_);
  if (bytes.empty()) return 0;
  has_begun_ = true;
  if (unparsed_.empty()) {
    const auto parsed = Parse(bytes);
    if (!parsed || is_complete_) return parsed;
    unparsed_.assign(bytes.substr(*parsed));
  } else {
    const std::size_t before = unparsed_.size();
    unparsed_.append(bytes);
    const auto parsed = Parse(unparsed_);
    if (!parsed) return parsed;
    if (is_complete_) return *parsed - before;  // the bytes before were not enough to complete it
    unparsed_.erase(0, *parsed);
  }
  if (unparsed_.size() > limits_.head_bytes_max)
    return Fail(ErrorCode::kTooLarge, "the response's framing is larger than the limit");
  return bytes.size();
}

Result<std::size_t> ResponseParser::Parse(std::string_view bytes) {
  if (!parser_->has_status_line() && !MayBeHttp(bytes))
    return Failed(beast::http::error::bad_version);
  std::size_t parsed = 0;
  while (parsed < bytes.size()) {
    // The last chunk of an empty body has 5 bytes, and Beast 1.81 asserts that it sees them together. Every other chunk
    // has more bytes behind it, so that holding these back delays nothing for ever.
    constexpr std::size_t kLastChunkBytes = 5;
    if (has_head_ && parser_->chunked() && bytes.size() - parsed < kLastChunkBytes) return parsed;
    beast::error_code error;
    parsed +=
        parser_->put(boost::asio::buffer(bytes.data() + parsed, bytes.size() - parsed), error);
    if (error == beast::http::error::need_more) return parsed;
    if (error) return Failed(error);
    if (!parser_->is_done()) continue;
    if (!parser_->is_interim()) {
      is_complete_ = true;
      return parsed;
    }
    head_.clear();
    *parser_ = Parser(*this);
  }
  return parsed;
}

Result<void> ResponseParser::FeedEnd() {
  ITEMGATE_CHECK(!is_complete_);
  if (has_head_ && parser_->need_eof()) {
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
