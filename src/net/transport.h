#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/descriptor.h"
#include "net/event_loop.h"
#include "net/tcp.h"
#include "net/tls.h"

namespace itemgate {

/// Why a transport is closed.
struct TransportFailure {
  enum class Kind : std::uint8_t {
    kUnreachable,  // refused, no route, or no answer to the attempt to connect
    kTls,          // no secure connection; the message explains the certificate's fault
    kClosed,       // by the peer, in order
    kBroken,
  };
  Kind kind = Kind::kBroken;
  std::string message;
};

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
  virtual void TransportDown(const TransportFailure& why) = 0;
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

  /// To be sent one behind the other.
  using Pieces = std::array<std::string_view, 2>;

  /// Takes what it can of the bytes, and tells how many; then TransportMoved says when to go on. A connection that is
  /// broken takes nothing; TransportDown follows. REQUIRES: is_up(). Cost: one system call; with TLS one for each
  /// 64 KiB, which is also what is encrypted ahead.
  [[nodiscard]] std::size_t Write(const Pieces& pieces);

  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] bool is_up() const { return stage_ == Stage::kUp; }
  /// Neither bytes nor an end have come that the loop has not told of yet. REQUIRES: is_open().
  [[nodiscard]] bool IsQuiet() const;

 private:
  enum class Stage { kClosed, kConnecting, kHandshake, kUp };

  void Ready(Readiness readiness) override;
  void FinishConnecting();
  void GoOnWithHandshake();
  void Read();
  void ReadTls();
  [[nodiscard]] std::size_t Receive(std::span<char> space);
  [[nodiscard]] std::size_t Send(const Pieces& pieces);
  [[nodiscard]] std::size_t Encrypt(const Pieces& pieces);
  [[nodiscard]] bool SendTlsOutput();
  void Lose(TransportFailure::Kind kind, std::string message);
  void WatchFor(Readiness wanted);

  EventLoop& loop_;
  TransportOwner& owner_;
  Descriptor socket_;
  Stage stage_ = Stage::kClosed;
  Readiness watched_ = Readiness::kNone;
  bool is_broken_ = false;  // it takes no more bytes; reading tells why
  std::unique_ptr<TlsSession> tls_;
  std::vector<char> encrypted_;  // received
};

}  // namespace itemgate
