#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "redis/reply_reader.h"

namespace itemgate::redis {

/// What a connection says first.
struct Greeting {
  std::string user;  // of the ACL; empty: "default"
  std::string password;
  std::string client_name;      // CLIENT SETNAME; a server that forbids it is forgiven
  std::optional<int> database;  // SELECT
  bool names_library = false;   // CLIENT SETINFO LIB-NAME; as forgiven

  friend bool operator==(const Greeting&, const Greeting&) = default;
};

/// How one node is used. Times are those of the handed-in clock.
struct NodeOptions {
  Endpoint endpoint;
  Greeting greeting;
  std::optional<TlsOptions> tls;

  Duration connect_timeout = std::chrono::seconds(2);  // until the greeting is answered
  Duration call_timeout = std::chrono::seconds(1);     // of calls that name none
  Duration back_off_min =
      std::chrono::milliseconds(20);  // doubled with each failed attempt, half of it random
  Duration back_off_max = std::chrono::seconds(2);
  Duration ping_after = std::chrono::seconds(5);    // of silence
  Duration ping_timeout = std::chrono::seconds(3);  // then the connection is given up
  Duration user_timeout =
      std::chrono::seconds(10);  // TCP_USER_TIMEOUT: for bytes that the peer does not acknowledge
  int timeouts_to_open = 8;      // calls in a row without any byte from the node open the circuit

  std::size_t calls_max = 65'536;           // that wait to be sent or answered
  std::size_t output_bytes_max = 64 << 20;  // of them
  ReplyReader::Limits reply_limits;
  std::uint64_t seed = 0;  // of the jitter; take UnpredictableSeed() in production
};

}  // namespace itemgate::redis
