#include "client/tls_connection.h"

#include <array>
#include <string>
#include <utility>

namespace itemgate::client {
namespace {

constexpr std::size_t kReceivedBytes = 32 << 10;   // encrypted, at once
constexpr std::size_t kAheadBytesMax = 128 << 10;  // encrypted and not sent

std::unexpected<Error> NoHandshake(const std::string& why) {
  return Fail(ErrorCode::kIo, why + " during the TLS handshake; does it speak TLS on this port?");
}

Result<void> ShakeHands(Connection& wire, TlsSession& session, Instant deadline) {
  std::array<char, kReceivedBytes> buffer;  // not initialised: it is written first
  bool ended = false;
  while (true) {
    const auto done = session.Handshake();
    if (!done) {  // the output is the alert that tells the server why
      if (!session.Output().empty()) (void)wire.Transfer(session.Output(), buffer, deadline);
      return Fail(ErrorCode::kIo, done.error().message);
    }
    if (*done && session.Output().empty()) return {};
    if (ended) return NoHandshake("the server closed the connection");
    const auto moved = wire.Transfer(session.Output(), buffer, deadline);
    if (!moved) return NoHandshake(moved.error().message);
    session.Sent(moved->sent);
    session.Feed({buffer.data(), moved->received});
    ended = moved->ended;
  }
}

class TlsConnection final : public Connection {
 public:
  TlsConnection(std::unique_ptr<Connection> wire, std::unique_ptr<TlsSession> session)
      : wire_(std::move(wire)), session_(std::move(session)) {}

  Result<Moved> Transfer(std::string_view out, std::span<char> in, Instant deadline) override {
    std::array<char, kReceivedBytes> buffer;  // not initialised: it is written first
    while (true) {
      auto moved = Take(in);
      if (!moved || moved->sent > 0 || moved->received > 0 || moved->ended) return moved;
      if (wire_ended_)
        return Fail(ErrorCode::kUnavailable, "the connection was cut off without an end of TLS");
      if (encrypted_ == 0 && !out.empty()) {
        const std::string_view next = out.substr(0, kAheadBytesMax);
        if (const auto written = session_->Write(next); !written)
          return std::unexpected(written.error());
        encrypted_ = next.size();
      }
      const auto wired = wire_->Transfer(session_->Output(), buffer, deadline);
      if (!wired) return std::unexpected(wired.error());
      session_->Sent(wired->sent);
      session_->Feed({buffer.data(), wired->received});
      wire_ended_ = wired->ended;
    }
  }

 private:
  /// What went on without a look at the wire.
  Result<Moved> Take(std::span<char> in) {
    Moved moved;
    if (session_->Output().empty()) moved.sent = std::exchange(encrypted_, 0);
    const auto read = session_->Read(in);
    if (read) {
      moved.received = *read;
    } else if (read.error().code == ErrorCode::kIo) {
      moved.ended = true;
    } else {
      return std::unexpected(read.error());
    }
    return moved;
  }

  const std::unique_ptr<Connection> wire_;
  const std::unique_ptr<TlsSession> session_;
  std::size_t encrypted_ =
      0;  // of what is to be sent, its beginning; told as sent when all of it is
  bool wire_ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Connection>> Secure(std::unique_ptr<Connection> wire,
                                           std::unique_ptr<TlsSession> session, Instant deadline) {
  if (const auto secured = ShakeHands(*wire, *session, deadline); !secured)
    return std::unexpected(secured.error());
  return std::make_unique<TlsConnection>(std::move(wire), std::move(session));
}

}  // namespace itemgate::client
