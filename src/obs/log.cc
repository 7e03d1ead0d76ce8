#include "obs/log.h"

#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/time_text.h"
#include "base/utf8.h"

namespace itemgate {
namespace {

struct LevelName {
  LogLevel level;
  std::string_view name;
};

constexpr std::array<LevelName, 4> kLevels{{{LogLevel::kDebug, "debug"},
                                            {LogLevel::kInfo, "info"},
                                            {LogLevel::kWarning, "warn"},
                                            {LogLevel::kError, "error"}}};

/// "2026-01-02T03:04:05.123Z".
std::string TimeText(WallTime time) {
  constexpr std::size_t kToTheMillisecond = 23;
  return FormatTime(time).substr(0, kToTheMillisecond) + "Z";
}

/// True for a well-formed sequence that a terminal may obey instead of showing: controls, and what turns or hides text.
bool SteersTerminal(std::string_view sequence) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(sequence[at]); };
  if (sequence.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (sequence.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;  // U+0080 to U+009F
  if (sequence.size() != 3) return false;
  const std::string_view known = sequence;
  return (known >= "\u200B" && known <= "\u200F") || (known >= "\u2028" && known <= "\u202E") ||
         (known >= "\u2060" && known <= "\u206F") || known == "\uFEFF";
}

/// Hands `text` to `plain` and `strange`, run by run: what can be shown, and each byte sequence that cannot.
template <typename Plain, typename Strange>
void Split(std::string_view text, Plain plain, Strange strange) {
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = Utf8SequenceLength(text.substr(at));
    const std::size_t taken = length == 0 ? 1 : length;
    const std::string_view sequence = text.substr(at, taken);
    at += taken;
    if (length != 0 && !SteersTerminal(sequence)) continue;
    plain(text.substr(begin, at - taken - begin));
    strange(sequence);
    begin = at;
  }
  plain(text.substr(begin));
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  Split(
      text,
      [&](std::string_view plain) {
        for (const char c : plain) {
          if (c == '"' || c == '\\') escaped += '\\';
          escaped += c;
        }
      },
      [&](std::string_view strange) {
        if (strange == "\n") {
          escaped += "\\n";
        } else {
          for (const char c : strange)
            fmt::format_to(std::back_inserter(escaped), "\\x{:02x}", static_cast<unsigned char>(c));
        }
      });
  return escaped;
}

/// As it is if it is one plain word, else escaped and in quotes.
std::string Word(std::string_view text) {
  std::string escaped = Escaped(text);
  const bool plain = !text.empty() && escaped == text && text.find_first_of(" =") == text.npos;
  return plain ? escaped : '"' + std::move(escaped) + '"';
}

/// A JSON text whose strings hold nothing that steers a terminal. Control characters are escaped by every JSON writer;
/// the rest can only stand in strings, where this escape means the same.
std::string TerminalSafe(std::string_view json) {
  std::string safe;
  Split(
      json, [&](std::string_view plain) { safe += plain; },
      [&](std::string_view strange) {
        char32_t point = static_cast<unsigned char>(strange[0]);
        if (strange.size() == 2) point = (point & 0x1F) << 6;
        if (strange.size() == 3)
          point = (point & 0x0F) << 12 | (static_cast<unsigned char>(strange[1]) & 0x3FU) << 6;
        if (strange.size() > 1) point |= static_cast<unsigned char>(strange.back()) & 0x3FU;
        fmt::format_to(std::back_inserter(safe), "\\u{:04x}", static_cast<unsigned>(point));
      });
  return safe;
}

std::string TextLine(WallTime time, LogLevel level, std::string_view event,
                     std::span<const LogField> fields) {
  std::string line = fmt::format("{} {:<5} {}", TimeText(time), LogLevelName(level), event);
  for (const LogField& field : fields) {
    line.append(" ").append(field.name).append("=");
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      line += Word(*text);
    } else {
      std::visit(
          [&](const auto& value) {
            if constexpr (!std::same_as<std::decay_t<decltype(value)>, std::string_view>)
              fmt::format_to(std::back_inserter(line), "{}", value);
          },
          field.value);
    }
  }
  return line;
}

std::string JsonLine(WallTime time, LogLevel level, std::string_view event,
                     std::span<const LogField> fields) {
  JsonWriter json;
  json.BeginObject().Field("time", TimeText(time)).Field("level", LogLevelName(level));
  json.Field("event", event);
  for (const LogField& field : fields)
    std::visit([&](const auto& value) { json.Field(field.name, value); }, field.value);
  return TerminalSafe(json.EndObject().Take());
}

}  // namespace

std::string_view LogLevelName(LogLevel level) { return kLevels[std::to_underlying(level)].name; }

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  for (const LevelName& known : kLevels)
    if (known.name == name) return known.level;
  return std::nullopt;
}

void ClosableSink::WriteLine(std::string_view line) {
  const ReaderLock lock(mutex_);
  if (sink_ != nullptr) sink_->WriteLine(line);
}

std::uint64_t ClosableSink::dropped() const {
  const ReaderLock lock(mutex_);
  return sink_ != nullptr ? sink_->dropped() : 0;
}

void ClosableSink::Close() {
  const WriterLock lock(mutex_);
  sink_.reset();
}

void Log::Write(LogLevel level, std::string_view event, std::span<const LogField> fields) {
  if (!Enabled(level)) return;
  const WallTime time = clock_.WallNow();
  sink_.WriteLine(format_ == LogFormat::kText ? TextLine(time, level, event, fields)
                                              : JsonLine(time, level, event, fields));
}

}  // namespace itemgate
