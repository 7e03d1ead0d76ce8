#include "server/request_recorder.h"

#include <chrono>
#include <vector>

namespace itemgate::server {
namespace {

constexpr int kServerError = 500;
constexpr int kUnavailable = 503;  // refused on purpose

LogLevel LevelOf(int status) {
  if (status < kServerError) return LogLevel::kInfo;
  return status == kUnavailable ? LogLevel::kWarning : LogLevel::kError;
}

std::vector<LogField> FieldsOf(const RequestEvent& event) {
  std::vector<LogField> fields;
  fields.reserve(11);
  fields.emplace_back("request_id", event.request_id);
  if (!event.trace_id.empty()) fields.emplace_back("trace_id", event.trace_id);
  fields.emplace_back("peer", event.peer);
  fields.emplace_back("method", event.method);
  fields.emplace_back("route", event.route);
  fields.emplace_back("status", event.status);
  fields.emplace_back("milliseconds",
                      std::chrono::duration<double, std::milli>(event.took).count());
  fields.emplace_back("bytes_in", event.bytes_in);
  fields.emplace_back("bytes_out", event.bytes_out);
  if (!event.code.empty()) fields.emplace_back("code", event.code);
  if (!event.detail.empty()) fields.emplace_back("detail", event.detail);
  return fields;
}

}  // namespace

void RequestRecorder::Answered(const RequestEvent& event) {
  counts_.Count(event.route, event.method, event.status, event.took);
  const RequestsLogged logged = logged_.load(std::memory_order_relaxed);
  if (logged == RequestsLogged::kNone) return;
  if (logged == RequestsLogged::kErrors && (event.status < kServerError || !MayWriteError()))
    return;
  const LogLevel level = LevelOf(event.status);
  if (log_.Enabled(level)) log_.Write(level, "request", FieldsOf(event));
}

bool RequestRecorder::MayWriteError() {
  const std::int64_t second =
      std::chrono::floor<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
  if (second_.exchange(second, std::memory_order_relaxed) != second)
    lines_.store(0, std::memory_order_relaxed);
  if (lines_.fetch_add(1, std::memory_order_relaxed) < kErrorLinesMax) return true;
  suppressed_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

}  // namespace itemgate::server
