#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "itemgate/error.h"

namespace itemgate::client {

/// One connection to the server. One thread at a time.
class Connection {
 public:
  /// What one transfer moved. `ended`: the peer sends no more.
  struct Moved {
    std::size_t sent = 0;
    std::size_t received = 0;
    bool ended = false;
  };

  virtual ~Connection() = default;

  /// Receives what has come into `in`, or else sends what can be sent of `out`; waits until one of them went on. Over a
  /// connection that has ended nothing is sent. What of `out` was not sent must come again in the next call. Fails with
  /// kUnavailable after the deadline, or when the connection broke.
  [[nodiscard]] virtual Result<Moved> Transfer(std::string_view out, std::span<char> in,
                                               Instant deadline) = 0;
};

/// The seam to the network and to waiting: sockets, or a scripted world. Safe from any thread.
class Network {
 public:
  virtual ~Network() = default;

  /// Connects to the server, and secures the connection if it is to be. Fails with kUnavailable if the server was not
  /// reached, with kIo if no secure connection came about; the message says why. In both cases nothing was sent.
  [[nodiscard]] virtual Result<std::unique_ptr<Connection>> Connect(Instant deadline) = 0;

  /// Lets time pass for the caller.
  virtual void Wait(Duration duration) = 0;
};

}  // namespace itemgate::client
