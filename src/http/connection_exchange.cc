// The answers of a connection: exchanges, their order, and how they are written.

#include <array>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "http/connection_stream.h"
#include "http/server_connection.h"

namespace itemgate::http {
namespace {

constexpr std::size_t kSpareBytesMax = 256 << 10;  // a larger buffer is not kept
constexpr std::size_t kSmallAnswerBytes = 64 << 10;
constexpr std::size_t kAddedBytes = 160;  // to an answer's own fields, at most
constexpr std::string_view kTooMuchUnsent =
    "Too many answers wait to be taken. Send the request again later.";
constexpr std::string_view kInternal =
    "The server failed; its log says more. Send the request again.";

void AppendNumber(std::string& text, std::uint64_t number) {
  std::array<char, 20> digits;
  text.append(digits.data(),
              std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

bool MayHaveBody(int status) { return status >= 200 && status != 204 && status != 304; }

/// What a deferred exchange hands out. Dropped without having been called, it says so.
class OwedAnswer {
 public:
  OwedAnswer(std::shared_ptr<AnswerMailbox> mailbox, std::weak_ptr<ServerConnection> connection,
             std::uint64_t sequence)
      : mailbox_(std::move(mailbox)), connection_(std::move(connection)), sequence_(sequence) {}
  OwedAnswer(OwedAnswer&&) = default;
  OwedAnswer& operator=(OwedAnswer&&) = delete;
  ~OwedAnswer() {
    if (mailbox_ != nullptr) Send(std::nullopt);
  }

  void operator()(Response response) {
    ITEMGATE_CHECK(mailbox_ != nullptr);  // answered twice
    Send(std::move(response));
  }

 private:
  void Send(std::optional<Response> response) {
    const std::shared_ptr<AnswerMailbox> mailbox = std::move(mailbox_);
    mailbox->Put({std::move(connection_), sequence_, std::move(response)});
  }

  std::shared_ptr<AnswerMailbox> mailbox_;  // shared with the loop and all who owe it an answer
  std::weak_ptr<ServerConnection> connection_;
  std::uint64_t sequence_;
};

}  // namespace

class ServerConnection::CurrentExchange final : public Exchange {
 public:
  CurrentExchange(ServerConnection& connection, std::string_view body)
      : connection_(connection), body_(body) {}

  [[nodiscard]] const Request& request() const override {
    return connection_.context_.heads.request();
  }
  [[nodiscard]] std::string_view body() const override { return body_; }
  [[nodiscard]] std::string_view peer() const override { return connection_.peer_; }
  [[nodiscard]] Executor& loop() override { return connection_.context_.loop; }

  void Answer(Response response) override {
    ITEMGATE_CHECK(!is_concluded_);
    is_concluded_ = true;
    connection_.Answer(std::move(response));
  }

  [[nodiscard]] Responder Defer() override {
    ITEMGATE_CHECK(!is_concluded_);
    is_concluded_ = true;
    return OwedAnswer(connection_.context_.answers, connection_.weak_from_this(),
                      connection_.AddSlot(std::nullopt));
  }

  [[nodiscard]] bool is_concluded() const { return is_concluded_; }

 private:
  ServerConnection& connection_;
  const std::string_view body_;
  bool is_concluded_ = false;
};

void ServerConnection::Handle(std::string_view body) {
  EndMessage();
  CurrentExchange exchange(*this, body);
  context_.application.Handle(exchange);
  ITEMGATE_CHECK(exchange.is_concluded());
}

std::uint64_t ServerConnection::AddSlot(std::optional<Response> answer) {
  if (answer) held_answer_bytes_ += answer->body.size();
  slots_.push_back({message_, std::move(answer)});
  return first_sequence_ + slots_.size() - 1;
}

Response ServerConnection::Bounded(Response response) {
  const std::size_t bytes = response.body.size();
  const bool fits = bytes <= kSmallAnswerBytes || context_.unsent_bytes == 0 ||
                    context_.unsent_bytes + bytes <= context_.limits.gathered_bytes_max;
  if (fits) return response;
  Response refusal = context_.application.Problem(
      {.status = 503, .code = "overloaded", .detail = kTooMuchUnsent, .peer = peer_});
  refusal.Add("Retry-After", std::uint64_t{1});
  return refusal;
}

void ServerConnection::CountUnsent() {
  const std::size_t unsent = UnsentBytes() + held_answer_bytes_;
  context_.unsent_bytes = context_.unsent_bytes - counted_unsent_bytes_ + unsent;
  counted_unsent_bytes_ = unsent;
}

void ServerConnection::Answer(Response response) {
  response = Bounded(std::move(response));
  if (response.close) reading_ = Reading::kNothing;
  if (slots_.empty()) {
    ++first_sequence_;
    AppendAnswer(message_, response, Last::kYes);
  } else {
    static_cast<void>(AddSlot(std::move(response)));
  }
  CountUnsent();
}

void ServerConnection::AnswerDeferred(std::uint64_t sequence, std::optional<Response> response) {
  if (closing_ != Closing::kNo || sequence < first_sequence_) return;
  const std::uint64_t index = sequence - first_sequence_;
  if (index >= slots_.size() || slots_[index].answer) return;
  if (!response)
    response = context_.application.Problem(
        {.status = 500, .code = "internal", .detail = kInternal, .peer = peer_});
  response = Bounded(*std::move(response));
  held_answer_bytes_ += response->body.size();
  slots_[index].answer = std::move(response);
  if (index == 0) {
    ReleaseAnswers();
    Touch();
  }
  CountUnsent();
}

void ServerConnection::ReleaseAnswers() {
  std::size_t released = 0;
  while (released < slots_.size() && slots_[released].answer && closing_ == Closing::kNo) {
    const Slot& slot = slots_[released++];
    held_answer_bytes_ -= slot.answer->body.size();
    AppendAnswer(slot.message, *slot.answer, released == slots_.size() ? Last::kYes : Last::kNo);
  }
  first_sequence_ += released;
  if (released == slots_.size() || closing_ != Closing::kNo) {
    std::vector<Slot>().swap(slots_);
    held_answer_bytes_ = 0;
  } else {
    slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(released));
  }
}

void ServerConnection::AppendHead(const Response& response) {
  std::string& out = OpenOutput();
  out.reserve(out.size() + kAddedBytes + response.fields.size() + response.body.size());
  if (response.status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
  } else {
    out += "HTTP/1.1 ";
    AppendNumber(out, static_cast<std::uint64_t>(response.status));
    out += ' ';
    out += ReasonPhrase(response.status);
    out += "\r\n";
  }
  out += context_.date.text();
  out += response.fields;
}

void ServerConnection::AppendAnswer(const Message& message, const Response& response, Last last) {
  const bool ends_here =
      reading_ == Reading::kNothing || (is_draining_ && reading_ == Reading::kHead && !HasInput());
  const bool close = response.close || !message.keep_alive || (last == Last::kYes && ends_here);
  AppendHead(response);
  std::string& out = output_;
  if (MayHaveBody(response.status)) {
    out += "Content-Length: ";
    AppendNumber(out, response.body.size());
    out += "\r\n";
  }
  if (close) {
    out += "Connection: close\r\n";
  } else if (message.is_http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  if (!message.is_head && MayHaveBody(response.status)) out += response.body;
  if (!close) return;
  closing_ = Closing::kAfterOutput;
  reading_ = Reading::kNothing;
}

std::string& ServerConnection::OpenOutput() {
  if (output_.empty()) {
    output_.swap(context_.spare_output);
    write_since_ = context_.now;
  }
  return output_;
}

std::string_view ServerConnection::Output() {
  if (stream_ != nullptr) stream_->CloseChunk();
  return std::string_view(output_).substr(sent_);
}

void ServerConnection::Sent(std::size_t bytes) {
  if (bytes > 0) write_since_ = context_.now;
  sent_ += bytes;
  if (sent_ == output_.size()) {
    output_.clear();
    sent_ = 0;
    if (output_.capacity() <= kSpareBytesMax) output_.swap(context_.spare_output);
    std::string().swap(output_);
  } else if (sent_ > output_.size() / 2) {
    output_.erase(0, sent_);
    sent_ = 0;
  }
  CountUnsent();
}

}  // namespace itemgate::http
