#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/clock.h"
#include "base/mutex.h"

namespace itemgate {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : std::uint8_t { kText, kJson };

/// "debug", "info", "warn", "error".
[[nodiscard]] std::string_view LogLevelName(LogLevel level);
[[nodiscard]] std::optional<LogLevel> ParseLogLevel(std::string_view name);

/// A named value of an event. A view: for the length of the call.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  LogField(std::string_view field, std::string_view text) : name(field), value(text) {}
  LogField(std::string_view field, const std::string& text)
      : name(field), value(std::string_view(text)) {}
  LogField(std::string_view field, const char* text) : name(field), value(std::string_view(text)) {}
  LogField(std::string_view field, bool flag) : name(field), value(flag) {}
  LogField(std::string_view field, std::floating_point auto number)
      : name(field), value(static_cast<double>(number)) {}
  LogField(std::string_view field, std::signed_integral auto number)
      : name(field), value(static_cast<std::int64_t>(number)) {}
  LogField(std::string_view field, std::unsigned_integral auto number)
      : name(field), value(static_cast<std::uint64_t>(number)) {}

  std::string_view name;
  Value value;
};

/// Where lines go. Any thread; must not block for long.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void WriteLine(std::string_view line) = 0;
  /// Lines that were lost because nobody took them fast enough.
  [[nodiscard]] virtual std::uint64_t dropped() const = 0;
};

/// Standard error, written by a thread of its own behind a queue of 8192 lines. Never blocks: when the queue is full
/// the oldest line is dropped. The destructor writes what is queued.
[[nodiscard]] std::unique_ptr<LogSink> NewStandardErrorSink();

/// Passes lines on until it is closed; what comes later is dropped. For a process that ends while others still log.
class ClosableSink final : public LogSink {
 public:
  explicit ClosableSink(std::unique_ptr<LogSink> sink) : sink_(std::move(sink)) {}

  void WriteLine(std::string_view line) override EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t dropped() const override EXCLUDES(mutex_);
  /// Destroys the other sink, which writes what is queued.
  void Close() EXCLUDES(mutex_);

 private:
  mutable SharedMutex mutex_;
  std::unique_ptr<LogSink> sink_ GUARDED_BY(mutex_);  // null once closed
};

/// Structured log: events with a name and fields, one line each whatever the values hold.
///
///   2026-01-02T03:04:05.123Z info  listening address=127.0.0.1:8080
///   {"time":"2026-01-02T03:04:05.123Z","level":"info","event":"listening","address":"127.0.0.1:8080"}
///
/// No value can break out of its line or steer a terminal: line breaks, escapes, invalid UTF-8 and characters that turn
/// or hide text are escaped. Any thread. A disabled event costs a load; a written one about a microsecond.
class Log {
 public:
  /// `clock` and `sink` must outlive the log.
  Log(const Clock& clock, LogSink& sink, LogFormat format)
      : clock_(clock), sink_(sink), format_(format) {}

  void Write(LogLevel level, std::string_view event, std::span<const LogField> fields);
  void Write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {}) {
    Write(level, event, std::span(fields.begin(), fields.size()));
  }

  [[nodiscard]] bool Enabled(LogLevel level) const {
    return level >= level_.load(std::memory_order_relaxed);
  }
  void SetLevel(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t dropped() const { return sink_.dropped(); }

 private:
  const Clock& clock_;
  LogSink& sink_;
  const LogFormat format_;
  std::atomic<LogLevel> level_ =
      LogLevel::kInfo;  // changed while others write; nothing hangs on it
};

}  // namespace itemgate
