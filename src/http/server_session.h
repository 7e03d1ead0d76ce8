#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "http/server_connection.h"
#include "net/event_loop.h"
#include "net/tcp.h"

namespace itemgate::http {

class ServerLoop;

/// The socket of one connection, and what carries bytes between it and the connection's logic: one read, then all that
/// follows from it, then one write. On its loop's thread; owned by the loop, which must outlive it.
class ServerSession final : public ReadinessHandler, public ServerConnection::Owner {
 public:
  ServerSession(ServerLoop& loop, Descriptor socket, std::string address);

  [[nodiscard]] Result<void> Begin();
  /// The last call: the application hears that the connection is gone.
  void End();

  // Each of these may end in the loop's Remove, and this is gone.
  void Ready(Readiness readiness) override;
  void Tick();
  void Drain();
  /// Sends what there is, goes on with what was held back, and closes if it is time.
  void Settle();

  void Touched() override;

  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  friend class ServerLoop;
  enum class Flow { kGoesOn, kEnded };

  [[nodiscard]] Flow Read();
  [[nodiscard]] Flow Send();
  void Watch();

  ServerLoop& loop_;
  Descriptor socket_;
  const std::string address_;
  std::shared_ptr<ServerConnection> connection_;
  std::size_t index_ = 0;  // among the loop's sessions
  Readiness wanted_ = Readiness::kRead;
  bool is_touched_ = false;  // is on the loop's list
};

}  // namespace itemgate::http
