#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/application.h"

namespace itemgate {

/// A request made by a test. Not movable: the request's views are of it.
class FakeRequest {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  FakeRequest(http::Method method, std::string target, Headers headers = {}, std::string body = {})
      : target_(std::move(target)), headers_(std::move(headers)), body_(std::move(body)) {
    const std::string_view text = target_;
    const std::size_t question = text.find('?');
    request_.method = method;
    request_.path = text.substr(0, question);
    if (question != std::string_view::npos) request_.query = text.substr(question + 1);
    request_.has_body = !body_.empty();
    for (const auto& [name, value] : headers_) request_.fields.push_back({name, value});
  }
  FakeRequest(const FakeRequest&) = delete;
  FakeRequest& operator=(const FakeRequest&) = delete;

  [[nodiscard]] const http::Request& request() const { return request_; }
  [[nodiscard]] std::string_view body() const { return body_; }

 private:
  const std::string target_;
  const Headers headers_;
  const std::string body_;
  http::Request request_;
};

/// Where the answer to a request arrives; outlives the exchange, as a connection does.
struct FakeAnswer {
  std::optional<http::Response> response;
  int answer_count = 0;
};

/// An exchange without a connection: the answer is kept for the test. One thread.
class FakeExchange final : public http::Exchange {
 public:
  FakeExchange(const FakeRequest& request, Executor& loop) : request_(request), loop_(loop) {}

  [[nodiscard]] const http::Request& request() const override { return request_.request(); }
  [[nodiscard]] std::string_view body() const override { return request_.body(); }
  [[nodiscard]] std::string_view peer() const override { return "192.0.2.7"; }
  [[nodiscard]] Executor& loop() override { return loop_; }

  void Answer(http::Response response) override { Keep(*answer_, std::move(response)); }
  [[nodiscard]] http::Responder Defer() override {
    was_deferred_ = true;
    return [answer = answer_](http::Response response) { Keep(*answer, std::move(response)); };
  }

  [[nodiscard]] const std::shared_ptr<FakeAnswer>& answer() const { return answer_; }
  [[nodiscard]] bool was_deferred() const { return was_deferred_; }

 private:
  static void Keep(FakeAnswer& answer, http::Response response) {
    ++answer.answer_count;
    answer.response = std::move(response);
  }

  const FakeRequest& request_;
  Executor& loop_;
  const std::shared_ptr<FakeAnswer> answer_ =
      std::make_shared<FakeAnswer>();  // co-owned by the test and by a responder
  bool was_deferred_ = false;
};

/// A stream without a connection: what is written is kept for the test, and counts as unsent until the test lets it
/// drain. One thread.
class FakeStream final : public http::Stream {
 public:
  enum class State { kWaiting, kBegun, kEnded, kAborted };

  explicit FakeStream(Executor& loop) : loop_(loop) {}

  [[nodiscard]] Executor& loop() override { return loop_; }
  [[nodiscard]] std::string_view peer() const override { return "192.0.2.7"; }
  void Begin(http::Response head) override {
    state_ = State::kBegun;
    head_ = std::move(head);
  }
  void Write(std::string_view piece) override {
    written_ += piece;
    if (holds_output_) unsent_bytes_ += piece.size();
  }
  void End() override { state_ = State::kEnded; }
  void Abort() override { state_ = State::kAborted; }
  [[nodiscard]] std::size_t unsent_bytes() const override { return unsent_bytes_; }
  void PauseBody() override { is_paused_ = true; }
  void ResumeBody() override { is_paused_ = false; }

  /// From now on the reader takes nothing.
  void HoldOutput() { holds_output_ = true; }
  /// The reader takes all there is.
  void Drain(http::StreamHandler& handler) {
    unsent_bytes_ = 0;
    handler.OutputDrained();
  }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const http::Response& head() const { return head_; }
  [[nodiscard]] const std::string& written() const { return written_; }
  [[nodiscard]] bool is_paused() const { return is_paused_; }

 private:
  Executor& loop_;
  State state_ = State::kWaiting;
  http::Response head_;
  std::string written_;
  std::size_t unsent_bytes_ = 0;
  bool holds_output_ = false;
  bool is_paused_ = false;
};

/// The value of a field of an answer; empty if there is none.
[[nodiscard]] inline std::string FieldOf(const http::Response& response, std::string_view name) {
  std::string_view fields = response.fields;
  while (!fields.empty()) {
    const std::string_view line = fields.substr(0, fields.find("\r\n"));
    fields.remove_prefix(line.size() + 2);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(": "))
      return std::string(line.substr(name.size() + 2));
  }
  return {};
}

}  // namespace itemgate
