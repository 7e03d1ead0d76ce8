#include "client/caller.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "client/tls_advice.h"
#include "http/response_parser.h"

namespace itemgate::client {
namespace {

constexpr std::size_t kReceivedBytes = 64 << 10;  // at once

std::optional<std::uint64_t> ParseNumber(std::optional<std::string_view> text) {
  std::uint64_t number = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

/// A little less than is left, so that the server's answer still arrives.
std::string RequestTimeout(Duration left) {
  const Duration margin = std::min<Duration>(left / 10, std::chrono::milliseconds(250));
  return SecondsText(
      std::chrono::floor<std::chrono::milliseconds>(std::max(left - margin, Duration::zero())));
}

std::string Hexadecimal(std::uint64_t number) {
  std::array<char, 16> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return {digits.data(), end};
}

Answer AnswerOf(http::ResponseParser& response) {
  const auto retry_after = response.Find("Retry-After");
  return {.status = response.status(),
          .retry_after = retry_after ? ParseRetryAfter(*retry_after) : std::nullopt,
          .item_id = ParseNumber(response.Find("Item-Id")),
          .body = response.TakeBody()};
}

}  // namespace

std::string SecondsText(std::chrono::milliseconds duration) {
  std::string fraction = std::to_string(duration.count() % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return std::to_string(duration.count() / 1000) + "." + fraction;
}

Caller::Caller(const ClientOptions& options, ServerUrl url, ClientParts parts)
    : options_(options),
      url_(std::move(url)),
      url_text_(url_.ToString()),
      clock_(parts.clock),
      network_(std::move(parts.network)),
      random_(parts.seed),
      budget_(options.retry),
      throttle_(options.retry) {}

Result<Instant> Caller::BeginCall() {
  const MutexLock lock(mu_);
  const Instant now = clock_.Now();
  budget_.OnCall(now);
  if (throttle_.MaySend(now, random_.Fraction())) return now + options_.deadline;
  return Fail(ErrorCode::kUnavailable, "the server at " + url_text_ +
                                           " refuses most requests, so this one was not sent; "
                                           "send it again later");
}

Result<Answer> Caller::TryOnce(const Request& request, const Patience& patience,
                               const BodySink& sink) {
  auto answer = Send(request, patience, sink);
  const MutexLock lock(mu_);
  if (answer && Throttle::IsRefusal(answer->status))
    throttle_.OnRefused(clock_.Now());
  else
    throttle_.OnTaken(clock_.Now());
  return answer;
}

Result<Answer> Caller::Send(const Request& request, const Patience& patience,
                            const BodySink& sink) {
  const std::string text = Render(request, patience);
  bool may_be_second = false;
  if (auto connection = request.is_sent_once ? nullptr : TakeIdle()) {
    Attempt attempt = Exchange(*connection, text, patience, sink);
    if (attempt.reusable) KeepIdle(std::move(connection));
    if (!attempt.stale) return std::move(attempt.answer);
    may_be_second = attempt.sent;
  }
  const Instant connect_deadline =
      std::min(patience.deadline, clock_.Now() + options_.connect_timeout);
  auto connected = network_->Connect(connect_deadline);
  if (!connected) {
    std::unexpected<Error> error = NotReached(connected.error());
    if (!may_be_second) return error;
    return Fail(ErrorCode::kUnknown,
                error.error().message + "; the connection before it ended without an answer");
  }
  Attempt attempt = Exchange(**connected, text, patience, sink);
  if (attempt.reusable) KeepIdle(*std::move(connected));
  if (attempt.answer) attempt.answer->may_be_second = may_be_second;
  return std::move(attempt.answer);
}

Result<Answer> Caller::Call(const Request& request) {
  const auto begun = BeginCall();
  if (!begun) return std::unexpected(begun.error());
  const Instant deadline = *begun;
  for (std::uint32_t retry = 0;; ++retry) {
    auto answer = TryOnce(request, {.deadline = deadline});
    if (answer ? !IsRetryable(answer->status) : !IsRetryable(answer.error().code)) return answer;
    if (!WaitToRetry(retry, answer ? answer->retry_after : std::nullopt, deadline)) return answer;
  }
}

bool Caller::WaitToRetry(std::uint32_t retry, std::optional<Duration> retry_after,
                         Instant deadline) {
  if (retry >= options_.retry.retries_max) return false;
  const Instant now = clock_.Now();
  Duration delay;
  {
    const MutexLock lock(mu_);
    delay = BackoffDelay(options_.retry, retry, random_.Fraction(), retry_after);
    if (now + delay >= deadline || !throttle_.MaySend(now, random_.Fraction()) ||
        !budget_.TryTake(now))
      return false;
  }
  network_->Wait(delay);
  return true;
}

bool Caller::Pause(std::uint32_t pause, std::optional<Duration> retry_after, Instant asked_at,
                   Instant deadline) {
  const Instant now = clock_.Now();
  const Duration left = deadline - now;
  if (options_.retry.backoff_min >= left) return false;
  const Duration wanted =
      std::max(BackoffBound(options_.retry, pause), retry_after.value_or(Duration::zero())) -
      (now - asked_at);
  network_->Wait(std::max<Duration>(std::min(wanted, left / 2), options_.retry.backoff_min));
  return true;
}

std::string Caller::Render(const Request& request, const Patience& patience) {
  std::string request_id = request.request_id;
  if (request_id.empty()) {
    const MutexLock lock(mu_);
    request_id = Hexadecimal(random_.Next());
  }
  std::string text(request.method);
  text.reserve(512 + request.fields.size() + request.body.size());
  text.append(" ").append(url_.prefix).append(request.target).append(" HTTP/1.1\r\nHost: ");
  text.append(url_.authority).append("\r\nUser-Agent: ").append(options_.user_agent);
  text.append("\r\nX-Request-Id: ").append(request_id).append("\r\n");
  if (!patience.of_piece)
    text.append("Request-Timeout: ")
        .append(RequestTimeout(patience.deadline - clock_.Now()))
        .append("\r\n");
  text.append(request.fields);
  if (request.method == "POST")
    text.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  return text.append("\r\n").append(request.body);
}

Caller::Attempt Caller::Exchange(Connection& connection, std::string_view text,
                                 const Patience& patience, const BodySink& sink) {
  http::ResponseParser response({.body_bytes_max = options_.answer_bytes_max});
  response.Begin(text.starts_with("HEAD ") ? http::ResponseParser::Expect::kHeadOnly
                                           : http::ResponseParser::Expect::kBody);
  std::array<char, kReceivedBytes> buffer;  // not initialised: it is written first
  bool sent = false;
  while (true) {
    const Instant now = clock_.Now();
    const Instant deadline = patience.of_piece ? now + *patience.of_piece : patience.deadline;
    if (now >= deadline)
      return {.answer = Lost({ErrorCode::kUnknown, "it did not answer in time"})};
    const auto moved = connection.Transfer(text, buffer, deadline);
    if (!moved)
      return {.answer = Lost(moved.error()),
              .stale = !response.has_begun() && clock_.Now() < deadline,
              .sent = true};
    sent = sent || moved->sent > 0;
    text.remove_prefix(moved->sent);
    const std::string_view received(buffer.data(), moved->received);
    if (!url_.is_https && !response.has_begun() && IsTls(received))
      return {.answer = Misaddressed(kUseHttps)};
    const auto fed = response.Feed(received);
    if (!fed) return {.answer = NotUnderstood(fed.error())};
    if (moved->ended && !response.is_complete()) {
      if (const auto ended = response.FeedEnd(); !ended)
        return {.answer = Lost(ended.error()), .stale = !response.has_begun(), .sent = sent};
    }
    if (sink && response.has_head() && response.status() == 200) {
      sink(response.body());
      response.DropBody();
    }
    if (!response.is_complete()) continue;
    if (const auto advice = TlsAdvice(url_, response.status(), response.body()); !advice.empty())
      return {.answer = Misaddressed(advice)};
    return {.answer = AnswerOf(response),
            .reusable =
                response.keep_alive() && text.empty() && !moved->ended && *fed == received.size()};
  }
}

std::unexpected<Error> Caller::NotReached(const Error& error) const {
  if (error.code == ErrorCode::kIo)
    return Fail(ErrorCode::kUnavailable, "there is no secure connection to the server at " +
                                             url_text_ + ": " + error.message);
  return Fail(ErrorCode::kUnavailable, "cannot reach the server at " + url_text_ + ": " +
                                           error.message + "; is it running? (itemgate serve)");
}

std::unexpected<Error> Caller::Lost(const Error& error) const {
  return Fail(ErrorCode::kUnknown,
              "no answer from the server at " + url_text_ + ": " + error.message);
}

std::unexpected<Error> Caller::NotUnderstood(const Error& error) const {
  const bool is_large = error.code == ErrorCode::kTooLarge;
  return Fail(is_large ? ErrorCode::kTooLarge : ErrorCode::kUnsupported,
              "cannot take the answer from " + url_text_ + ": " + error.message +
                  (is_large ? "" : "; is that the address of an Itemgate server?"));
}

std::unexpected<Error> Caller::Misaddressed(std::string_view advice) const {
  return Fail(ErrorCode::kUnsupported,
              "cannot use the server at " + url_text_ + ": " + std::string(advice));
}

std::unique_ptr<Connection> Caller::TakeIdle() {
  const MutexLock lock(mu_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Connection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void Caller::KeepIdle(std::unique_ptr<Connection> connection) {
  const MutexLock lock(mu_);
  if (idle_.size() < options_.idle_connections_max) idle_.push_back(std::move(connection));
}

}  // namespace itemgate::client
