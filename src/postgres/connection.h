#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "itemgate/error.h"
#include "net/descriptor.h"
#include "net/event_loop.h"
#include "postgres/command.h"

struct pg_conn;  // libpq's

namespace itemgate::postgres {

/// What every connection of a client does before it is used.
struct ConnectionOptions {
  std::string url;  // a libpq connection string or URI; TLS, users and hosts are its matter
  std::string application_name = "itemgate";
  Duration connect_timeout =
      std::chrono::seconds(5);  // of one attempt, however many hosts it tries
  /// How long sent bytes may stay unacknowledged before the system gives the connection up (TCP_USER_TIMEOUT).
  Duration network_timeout = std::chrono::seconds(5);
  std::vector<const Sql*> prepared;  // by name, unless a pooler is between
  std::vector<const Sql*>
      settings;  // SET …: for speed only, since they are left out behind a pooler
  std::vector<std::string> channels;  // to listen to; not through a pooler
};

/// One connection to a PostgreSQL server, in pipeline mode: commands leave at once, and are answered in their order.
///
/// Behind a pooler that hands each transaction to another server connection (PgBouncer in transaction mode), which
/// shows in the process id that it makes up, nothing is prepared and nothing set: every statement is parsed each time.
/// Threads: the loop's. Failure: a connection fails once, whole; all commands in flight end, and the host is told.
/// Cost: never blocks, but for the resolver if the URL names hosts.
class Connection final : private ReadinessHandler {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    virtual void ConnectionReady(Connection& connection) = 0;
    /// It is of no use any more; the host destroys it later, not inside this call.
    virtual void ConnectionFailed(Connection& connection, const Error& error) = 0;
    virtual void Notified(std::string_view channel, std::string_view payload) = 0;
  };

  /// Loop, options and host must outlive it.
  Connection(EventLoop& loop, const ConnectionOptions& options, Host& host);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Begins to connect, that host of the URL first (see HostsFrom). Reports to its own host, perhaps before it returns.
  void Start(Instant now, std::size_t first_host);

  /// Sends the command. REQUIRES: is_ready().
  void Send(Command command);

  /// Fails what has waited too long. To be called now and then.
  void Tick(Instant now);

  [[nodiscard]] bool is_ready() const { return state_ == State::kReady; }
  [[nodiscard]] bool has_failed() const { return state_ == State::kFailed; }
  /// It failed, for who was to be connected with said nothing: perhaps the next one of the URL speaks.
  [[nodiscard]] bool met_silence() const { return met_silence_; }
  [[nodiscard]] bool is_pooled() const { return pooled_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }
  /// One that is long is the last one.
  [[nodiscard]] bool has_long() const {
    return !in_flight_.empty() && in_flight_.back().command.is_long;
  }

 private:
  enum class State : std::uint8_t {
    kNew,
    kConnecting,  // libpq shakes hands
    kPreparing,   // first the look at the server, then settings and prepared statements
    kReady,
    kFailed,
  };

  /// A command that was sent, and what came back so far.
  struct InFlight {
    Command command;
    std::vector<Rows> rows;
    std::unique_ptr<Failure> failure;
    bool doubtful = false;  // the server warned that what it committed may be lost
  };

  void Ready(Readiness readiness) override;
  void PollConnect();
  void Watch(Readiness wanted);
  void Unwatch();
  void LookAtServer();
  void Prepare(const Rows& look);
  void BecomeReady();
  [[nodiscard]] bool SendStatement(const Statement& statement);
  /// Ends what was sent with a synchronisation point: the end of the transaction.
  void Finish(Command command);
  void Flush();
  void ReadResults();
  void Take(pg_result* result);
  void DeliverNotifications();
  void Fail(const Error& error);
  void End(const Error& error);
  [[nodiscard]] std::string LibraryMessage() const;
  static void OnNotice(void* connection, const pg_result* notice);

  struct Closer {
    void operator()(pg_conn* connection) const;
  };

  EventLoop& loop_;
  const ConnectionOptions& options_;
  Host& host_;
  std::unique_ptr<pg_conn, Closer> libpq_;
  Descriptor watched_;  // a duplicate, since libpq may close its own at any time
  Readiness wanted_ = Readiness::kNone;
  State state_ = State::kNew;
  bool pooled_ = false;
  bool met_silence_ = false;
  Instant connect_deadline_{};
  std::deque<InFlight> in_flight_;
};

}  // namespace itemgate::postgres
