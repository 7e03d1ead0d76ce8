#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "client/client_parts.h"
#include "client/network.h"
#include "client/retry.h"
#include "client/server_url.h"
#include "client/throttle.h"
#include "itemgate/client.h"

namespace itemgate::client {

struct Request {
  std::string_view method = "GET";
  std::string target;         // path and query, without the URL's prefix
  std::string fields;         // complete lines, besides those that every request has
  std::string body;           // of a POST
  std::string request_id;     // empty: one is made
  bool is_sent_once = false;  // whatever happens; so never over a kept connection
};

/// Of an answer what anybody here wants to know.
struct Answer {
  int status = 0;
  std::optional<Duration> retry_after;
  std::optional<std::uint64_t> item_id;
  std::string body;
  bool may_be_second =
      false;  // the request may have reached a server before, over a kept connection
};

/// How long an attempt may take.
struct Patience {
  Instant deadline;                  // of the whole call
  std::optional<Duration> of_piece;  // instead of a deadline: for each piece of a long answer
};

/// A number of seconds, to the millisecond: "1.500".
[[nodiscard]] std::string SecondsText(std::chrono::milliseconds duration);

/// Is given the body of a 200, piece by piece, instead of the answer.
using BodySink = std::function<void(std::string_view)>;

/// Sends requests to one server and receives the answers, over connections that it keeps; retries, within the budget.
/// Every request that does not say otherwise may be sent twice, for a content is its own identity. Thread-safe; blocks.
///
/// Errors: kUnavailable if the server was not reached, or there is no secure connection to it; kUnknown if it may have
/// been, but did not answer; kTooLarge and kUnsupported if its answer cannot be taken. They name the server.
class Caller {
 public:
  Caller(const ClientOptions& options, ServerUrl url, ClientParts parts);

  /// By when a call that begins now must have ended. Counts the call in the retries' budget. Fails with kUnavailable if
  /// nothing is to be sent now, for the server refuses too much.
  [[nodiscard]] Result<Instant> BeginCall() EXCLUDES(mu_);

  /// One attempt. A kept connection that the server has closed meanwhile is replaced at once, which is no retry.
  [[nodiscard]] Result<Answer> TryOnce(const Request& request, const Patience& patience,
                                       const BodySink& sink = {}) EXCLUDES(mu_);

  /// Attempts until there is an answer that stands, or no retry is left: then the last one.
  [[nodiscard]] Result<Answer> Call(const Request& request) EXCLUDES(mu_);

  /// Waits until it is time for the retry of that number, from 0. False: there must be none, because of the number, the
  /// budget, the deadline, or what the server refuses.
  [[nodiscard]] bool WaitToRetry(std::uint32_t retry, std::optional<Duration> retry_after,
                                 Instant deadline) EXCLUDES(mu_);

  /// Waits until it is time to ask again for what is under way, for the time of that number, from 0: longer each time,
  /// and as long as the server says, but never so long that the deadline is over. What the server itself has waited
  /// since it was asked counts. False if hardly anything is left.
  [[nodiscard]] bool Pause(std::uint32_t pause, std::optional<Duration> retry_after,
                           Instant asked_at, Instant deadline);
  [[nodiscard]] Instant Now() const { return clock_.Now(); }

  [[nodiscard]] const std::string& url() const { return url_text_; }

 private:
  /// An attempt on one connection.
  struct Attempt {
    Result<Answer> answer;
    bool stale = false;     // the connection was over before anything came
    bool sent = false;      // of a stale one: something, perhaps
    bool reusable = false;  // for another request
  };

  [[nodiscard]] Result<Answer> Send(const Request& request, const Patience& patience,
                                    const BodySink& sink) EXCLUDES(mu_);
  [[nodiscard]] std::string Render(const Request& request, const Patience& patience) EXCLUDES(mu_);
  [[nodiscard]] Attempt Exchange(Connection& connection, std::string_view text,
                                 const Patience& patience, const BodySink& sink);
  [[nodiscard]] std::unique_ptr<Connection> TakeIdle() EXCLUDES(mu_);
  void KeepIdle(std::unique_ptr<Connection> connection) EXCLUDES(mu_);
  [[nodiscard]] std::unexpected<Error> NotReached(const Error& error) const;
  [[nodiscard]] std::unexpected<Error> Lost(const Error& error) const;
  [[nodiscard]] std::unexpected<Error> NotUnderstood(const Error& error) const;
  [[nodiscard]] std::unexpected<Error> Misaddressed(std::string_view advice) const;

  // Constant after construction; the network synchronises itself.
  const ClientOptions options_;
  const ServerUrl url_;
  const std::string url_text_;
  const Clock& clock_;
  const std::unique_ptr<Network> network_;

  Mutex mu_;
  Random random_ GUARDED_BY(mu_);
  RetryBudget budget_ GUARDED_BY(mu_);
  Throttle throttle_ GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mu_);  // the last used one last
};

}  // namespace itemgate::client
