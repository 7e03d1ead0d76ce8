#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/event_loop.h"
#include "postgres/breaker.h"
#include "postgres/command.h"
#include "postgres/connection.h"

namespace itemgate::postgres {

struct PoolOptions {
  ConnectionOptions connection;     // `channels` here are listened to by a connection of its own
  std::size_t connections_max = 8;  // besides the one that listens, and the one for what is urgent
  std::size_t pipelined_max = 16;   // commands of one connection without an answer
  std::size_t queued_max =
      10'000;  // commands that wait for a connection; more fail with kUnavailable
  Breaker::Options breaker;
  std::uint64_t seed = 0;  // of the jitter
  /// A notification came; or, with an empty channel, some may have been missed. On the loop's thread.
  std::function<void(std::string_view channel, std::string_view payload)> on_notified;
};

/// Commands over a bounded number of connections, which it opens when it needs them and again when they are lost.
///
/// Threads: the loop's, but for is_reachable(). Failure: those of commands; while the server cannot be reached they
/// wait for it, or fail at once when it could not be reached several times in a row. Cost: never blocks.
class Pool final : private Connection::Host {
 public:
  /// The loop must outlive it. REQUIRES: destroyed on the loop's thread, or when the loop does not run.
  Pool(EventLoop& loop, PoolOptions options);
  ~Pool() override;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Opens the first connection, and keeps one open from now on.
  void Start();
  void Run(Command command);
  /// Fails all that is under way or waits, and whatever comes later.
  void Close();

  /// False from the third failed attempt to connect until one succeeds. From any thread.
  [[nodiscard]] bool is_reachable() const { return reachable_.load(std::memory_order_relaxed); }

 private:
  void ConnectionReady(Connection& connection) override;
  void ConnectionFailed(Connection& connection, const Error& error) override;
  void Notified(std::string_view channel, std::string_view payload) override;

  void Tick();
  void TickLater();
  void Dispatch();
  void SendUrgent();
  /// The first one that may be sent now; their end if none may.
  [[nodiscard]] std::deque<Command>::iterator NextToSend();
  /// Of those that take another command.
  [[nodiscard]] Connection* LeastLoaded();
  void OpenOneMore();
  /// Begins one, unless another is being begun, or was in vain a moment ago.
  [[nodiscard]] std::unique_ptr<Connection> Open(const ConnectionOptions& options);
  void Listen();
  void RemoveFailed();
  void RefuseWaiting(std::deque<Command>& waiting, Instant now);
  [[nodiscard]] bool is_connecting() const;
  [[nodiscard]] bool has_ready() const;

  EventLoop& loop_;
  const PoolOptions options_;
  const ConnectionOptions listening_options_;
  const ConnectionOptions working_options_;
  const ConnectionOptions urgent_options_;
  Breaker breaker_;
  Breaker growing_breaker_;  // for more connections, while one stands
  Breaker listening_breaker_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::unique_ptr<Connection> listening_;
  std::unique_ptr<Connection> urgent_;
  std::size_t first_host_ = 0;  // of the URL: where the last one that said nothing was passed
  std::deque<Command> waiting_;
  std::deque<Command> urgent_waiting_;
  Error last_error_{ErrorCode::kUnavailable, "the database server was not reached in time"};
  TimerId tick_{};
  bool closed_ = false;
  bool dispatching_ = false;
  std::atomic<bool> reachable_ = true;  // stands alone, so relaxed
};

}  // namespace itemgate::postgres
