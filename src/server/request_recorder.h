#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "obs/log.h"
#include "server/request_counts.h"
#include "server/request_log.h"

namespace itemgate::server {

/// Which requests are written to the log.
enum class RequestsLogged : std::uint8_t {
  kNone,
  kErrors,  // answered with 500 or above; at most kErrorLinesMax in a second
  kAll,
};

/// Counts every request and writes some to the log, as event "request". Any thread.
class RequestRecorder final : public RequestLog {
 public:
  static constexpr std::uint32_t kErrorLinesMax = 1000;  // a flood of refusals must stay cheap

  /// `log` and `clock` must outlive it.
  RequestRecorder(Log& log, const Clock& clock) : log_(log), clock_(clock) {}

  void Answered(const RequestEvent& event) override;

  void SetLogged(RequestsLogged logged) { logged_.store(logged, std::memory_order_relaxed); }
  [[nodiscard]] const RequestCounts& counts() const { return counts_; }
  /// Errors that were not written because there were too many.
  [[nodiscard]] std::uint64_t suppressed() const {
    return suppressed_.load(std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] bool MayWriteError();

  Log& log_;
  const Clock& clock_;
  RequestCounts counts_;

  // Relaxed: each stands for itself, and a line more or less in a second does not matter.
  std::atomic<RequestsLogged> logged_ = RequestsLogged::kErrors;
  std::atomic<std::int64_t> second_ = -1;
  std::atomic<std::uint32_t> lines_ = 0;  // of that second
  std::atomic<std::uint64_t> suppressed_ = 0;
};

}  // namespace itemgate::server
