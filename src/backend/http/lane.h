#pragma once

#include <span>
#include <string>

#include "backend/http/exchange.h"
#include "net/transport.h"

namespace itemgate::backend {

class Lane;

/// Is told by its lanes. On the loop's thread.
class LaneOwner {
 public:
  virtual ~LaneOwner() = default;
  /// The lane's call is over; the lane is idle, or closed.
  virtual void CallEnded(Lane& lane, Verdict verdict) = 0;
  /// The backend has closed an idle lane.
  virtual void IdleLost(Lane& lane) = 0;
};

/// A connection to the backend, with one call at a time. Belongs to its loop's thread; loop and owner must outlive it.
class Lane final : private TransportOwner {
 public:
  /// `space`: for what is received, shared with others of the thread.
  Lane(EventLoop& loop, LaneOwner& owner, std::span<char> space)
      : owner_(owner), space_(space), transport_(loop, *this) {}

  /// Sends the call, at once if it is connected. The call must stay where it is until the owner is told. REQUIRES: no
  /// other is under way.
  void Begin(const Call& call);
  /// `tls` may be null. REQUIRES: it was never connected, and has a call.
  void Connect(const SocketAddress& address, std::unique_ptr<TlsSession> tls);

  /// Ends the call, and closes the connection. REQUIRES: there is a call.
  void GiveUp(std::string why) { End(exchange_.GiveUp(std::move(why))); }
  void Close() { transport_.Close(); }

  [[nodiscard]] bool is_open() const { return transport_.is_open(); }
  /// It was connected once.
  [[nodiscard]] bool was_up() const { return was_up_; }
  /// Neither the end nor anything else has come by now. REQUIRES: it is open, and idle.
  [[nodiscard]] bool IsQuiet() const { return transport_.IsQuiet(); }

 private:
  void TransportUp() override {
    was_up_ = true;
    Send();
  }
  std::span<char> TransportSpace() override { return space_; }
  bool TransportReceived(std::size_t size) override;
  void TransportMoved() override;
  void TransportDown(const TransportFailure& why) override;
  void Send();
  void End(Verdict verdict);

  LaneOwner& owner_;
  const std::span<char> space_;
  bool is_busy_ = false;
  bool was_up_ = false;
  Exchange exchange_;
  Transport transport_;
};

}  // namespace itemgate::backend
