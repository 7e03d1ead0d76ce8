#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"

namespace itemgate::http {

/// The bounds of one connection, and of all. Reaching one is a defined answer (docs/http-api.md).
struct ServerLimits {
  std::size_t connections_max = 20'000;  // of the server; more are accepted and closed
  std::size_t connections_per_address_max =
      200;  // 0: no limit. Loopback counts as any other address
  std::size_t request_line_bytes_max = 8 << 10;
  std::size_t head_bytes_max = 16 << 10;
  std::size_t fields_max = 100;
  std::size_t pipelined_max = 100;  // requests of one connection that are being answered
  std::size_t unsent_bytes_max = 1
                                 << 20;  // of one connection; above it, no further request is read
  // Of all bodies that one thread is receiving: 503. As much of answers that it has not sent yet: large ones are 503.
  std::size_t gathered_bytes_max = 512 << 20;
  Duration head_time_max = std::chrono::seconds(10);  // from a head's first byte to its last: 408
  // Between requests: closed. Without a byte of a streamed body, which else may be as slow as it likes: 408.
  Duration idle_time_max = std::chrono::seconds(75);
  // A whole body must bring body_rate_min bytes per second in each such span: 408.
  Duration body_grace = std::chrono::seconds(5);
  std::size_t body_rate_min = 1 << 10;
  Duration write_time_max = std::chrono::seconds(10);  // without the peer taking a byte: reset
};

}  // namespace itemgate::http
