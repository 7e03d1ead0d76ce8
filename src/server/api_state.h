#pragma once

#include <atomic>
#include <string>

#include "server/admission.h"
#include "server/api.h"
#include "server/byte_budget.h"
#include "server/idempotency.h"
#include "server/problem.h"
#include "server/request_id.h"

namespace itemgate::server {

/// What the handlers of an Api share. Each part may be used from any thread.
struct ApiState {
  ApiState(ApiParts given_parts, ApiOptions given_options)
      : parts(std::move(given_parts)),
        options(std::move(given_options)),
        admission(options.admission),
        idempotency(options.idempotency, parts.seed),
        request_ids(parts.seed),
        batch_gathered(options.gathered_bytes_max),
        waiting_bodies(options.gathered_bytes_max) {}

  const ApiParts parts;
  const ApiOptions options;
  Admission admission;
  IdempotencyTable idempotency;
  RequestIds request_ids;
  ByteBudget batch_gathered;  // of the unfinished long items of all batches
  ByteBudget waiting_bodies;  // of the long contents and questions that wait for a thread
  std::atomic<std::size_t> waiting_reads = 0;  // for a worker; relaxed: one more or less
  std::atomic<bool> draining = false;          // relaxed: a save more or less
  std::atomic<bool> verifying = false;         // one at a time: it reads the whole store

  [[nodiscard]] bool is_draining() const { return draining.load(std::memory_order_relaxed); }
  [[nodiscard]] Problem DrainingProblem() const {
    return {.code = ProblemCode::kDraining,
            .detail = "the server is closing; send it again, on a new connection"};
  }
};

}  // namespace itemgate::server
