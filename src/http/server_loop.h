#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "http/connection_census.h"
#include "http/connection_context.h"
#include "http/server_session.h"
#include "net/event_loop.h"

namespace itemgate::http {

/// One thread of a server: its listeners and its connections.
///
/// AddListener before Start; Start, Drain and Stop by one thread; the rest on the loop's own thread.
class ServerLoop final : private AnswerMailbox::Receiver {
 public:
  /// All must outlive it.
  struct Surroundings {
    Application& application;
    const Clock& clock;
    const ServerLimits& limits;
    ConnectionCensus& census;
  };

  explicit ServerLoop(const Surroundings& surroundings);
  /// Stops, if that was not done.
  ~ServerLoop() override;

  /// Fails with kIo if the system has no room.
  [[nodiscard]] Result<void> AddListener(Descriptor listener);
  void Start(std::string thread_name);
  /// Accepts nothing more, and lets each connection end. Returns at once.
  void Drain();
  /// Posting to it is safe from any thread.
  [[nodiscard]] EventLoop& events() { return events_; }
  /// Closes all connections and ends the thread.
  void Stop();

  [[nodiscard]] const LoopCounters& counters() const { return counters_; }

  // For its sessions.
  [[nodiscard]] ConnectionContext& context() { return context_; }
  [[nodiscard]] std::span<char> read_buffer() { return read_buffer_; }
  void BeginRound() { context_.now = events_.RoundTime(); }
  void Touched(ServerSession& session);
  /// Ends and destroys it.
  void Remove(ServerSession& session);

 private:
  class Listener;

  void Deliver(std::vector<AnswerMailbox::Answer> answers) override;
  void Accept(Listener& listener);
  void Tick();
  void TickLater();
  void SettleTouched();
  void CloseAll();

  const Clock& clock_;
  ConnectionCensus& census_;
  EventLoop events_;
  LoopCounters counters_;
  ConnectionContext context_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<ServerSession>> sessions_;
  std::vector<ServerSession*> touched_;
  bool is_delivering_ = false;  // whoever is touched will be settled without a task
  std::array<char, 64 << 10> read_buffer_;
  std::thread thread_;
};

}  // namespace itemgate::http
