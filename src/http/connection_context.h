#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "http/answer_mailbox.h"
#include "http/application.h"
#include "http/date_line.h"
#include "http/limits.h"
#include "http/request_parser.h"
#include "net/executor.h"

namespace itemgate::http {

/// A figure that one thread changes and all may read. Relaxed: nothing else hangs on its value.
class Counter {
 public:
  void Add(std::uint64_t more) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

struct LoopCounters {
  Counter connections_accepted;
  Counter connections_closed;
  Counter connections_refused;
  Counter requests;
  Counter protocol_errors;
  Counter bytes_received;
  Counter bytes_sent;
};

/// What the connections of one loop share. On the loop's thread only; all that it refers to outlives the connections.
struct ConnectionContext {
  Application& application;
  const ServerLimits& limits;
  Executor& loop;
  std::shared_ptr<AnswerMailbox> answers;  // co-owned by whoever owes an answer
  LoopCounters& counters;

  Instant now{};       // of this round of the loop; whoever calls a connection keeps it current
  DateLine date;       // likewise
  HeadReader heads{};  // of the request that is being looked at
  std::size_t gathered_bytes = 0;  // of the bodies that are being received
  std::size_t unsent_bytes = 0;    // of the answers that are not with the kernel yet
  std::string spare_output{};      // lent to the connection that has something to send
};

}  // namespace itemgate::http
