#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/descriptor.h"
#include "net/event_loop.h"
#include "net/tcp.h"
#include "redis/failure.h"
#include "redis/tls.h"

namespace itemgate::redis {

/// What a transport tells. From the loop, never from within a call of the transport's.
class TransportOwner {
 public:
  virtual ~TransportOwner() = default;
  /// Connected, and secured if it is to be.
  virtual void TransportUp() = 0;
  /// Where to put received bytes, then how many they are; false if no more are wanted.
  [[nodiscard]] virtual std::span<char> TransportSpace() = 0;
  [[nodiscard]] virtual bool TransportReceived(std::size_t size) = 0;
  /// All that had come was told, or there is room to write again.
  virtual void TransportMoved() = 0;
  /// It is closed.
  virtual void TransportDown(const Failure& why) = 0;
};

/// A TCP connection, with TLS or without, on its loop's thread. Reconnecting is its owner's affair.
class Transport final : private ReadinessHandler {
 public:
  /// Loop and owner must outlive it.
  Transport(EventLoop& loop, TransportOwner& owner) : loop_(loop), owner_(owner) {}
  ~Transport() override { Close(); }
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Begins to connect; `tls` may be null. REQUIRES: closed.
  [[nodiscard]] Result<void> Open(const SocketAddress& address, Duration silence_max,
                                  std::unique_ptr<TlsSession> tls);
  /// Without a word to the owner.
  void Close();

  /// Takes what it can of the bytes, with one system call, and tells how many; then TransportMoved says when to go on.
  /// A connection that is broken takes nothing; TransportDown follows. REQUIRES: is_up().
  [[nodiscard]] std::size_t Write(std::string_view bytes);

  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] bool is_up() const { return stage_ == Stage::kUp; }

 private:
  enum class Stage { kClosed, kConnecting, kHandshake, kUp };

  void Ready(Readiness readiness) override;
  void FinishConnecting();
  void GoOnWithHandshake();
  void Read();
  void ReadTls();
  [[nodiscard]] std::size_t Receive(std::span<char> space);
  [[nodiscard]] bool SendTlsOutput();
  void Lose(FailureKind kind, std::string message);
  void WatchFor(Readiness wanted);

  EventLoop& loop_;
  TransportOwner& owner_;
  Descriptor socket_;
  Stage stage_ = Stage::kClosed;
  Readiness watched_ = Readiness::kNone;
  std::unique_ptr<TlsSession> tls_;
  std::vector<char> encrypted_;  // received
};

}  // namespace itemgate::redis
