#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "http/application.h"
#include "http/limits.h"
#include "itemgate/error.h"
#include "net/descriptor.h"
#include "net/tcp.h"

namespace itemgate::http {

struct ServerStatistics {
  std::uint64_t connections = 0;  // open now
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // at a limit
  std::uint64_t requests = 0;
  std::uint64_t protocol_errors = 0;  // requests that the application never saw
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
};

/// An HTTP/1.1 server: `thread_count` event loops that share its addresses.
///
/// On each loop: one read, as many requests as it brought, one write. No timer for a request; one coarse tick of the
/// loop looks after all its connections. Thread-safe, but Start and Stop by one thread.
class Server {
 public:
  struct Options {
    std::vector<SocketAddress> addresses;
    std::vector<Descriptor> inherited;  // listening sockets given to the process (systemd)
    int thread_count = 1;
    std::string thread_name = "http";  // at most 15 characters
    ServerLimits limits;
  };

  /// Listens and serves. `application` and `clock` must outlive the server.
  [[nodiscard]] static Result<std::unique_ptr<Server>> Start(Application& application,
                                                             const Clock& clock, Options options);
  /// Closes all connections at once.
  ~Server();

  /// Where it listens, with the ports that the system chose.
  [[nodiscard]] std::vector<SocketAddress> addresses() const;

  /// Accepts nothing more, closes idle connections, and closes the others after the answers to what they have sent.
  /// Returns when none is left, or after `time_max`: the number of connections that are left, to be closed by the
  /// destructor.
  [[nodiscard]] std::size_t Drain(Duration time_max);

  [[nodiscard]] ServerStatistics Statistics() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace itemgate::http
