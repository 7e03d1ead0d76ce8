#pragma once

#include <string>

#include "backend/http/exchange.h"
#include "net/descriptor.h"
#include "net/event_loop.h"
#include "net/tcp.h"

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
class Lane final : private ReadinessHandler {
 public:
  Lane(EventLoop& loop, LaneOwner& owner) : loop_(loop), owner_(owner) {}
  ~Lane() override { Close(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Sends the call, at once if it is connected. The call must stay where it is until the owner is told. REQUIRES: no
  /// other is under way.
  void Begin(const Call& call);
  /// REQUIRES: it was never connected, and has a call.
  void Connect(const SocketAddress& address);

  /// Ends the call, and closes the connection. REQUIRES: there is a call.
  void GiveUp(std::string why) { End(exchange_.GiveUp(std::move(why))); }
  void Close();

  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  /// Neither the end nor anything else has come by now. REQUIRES: it is open, and idle.
  [[nodiscard]] bool IsQuiet() const;

 private:
  void Ready(Readiness readiness) override;
  void FinishConnecting();
  void Send();
  void Read();
  void End(Verdict verdict);
  void WatchFor(Readiness wanted);

  EventLoop& loop_;
  LaneOwner& owner_;
  Descriptor socket_;
  Readiness watched_ = Readiness::kNone;
  bool is_connected_ = false;
  bool is_busy_ = false;
  Exchange exchange_;
};

}  // namespace itemgate::backend
