#include "cli/progress.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>

#include "cli/text.h"

namespace itemgate::cli {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBarPeriod = 100ms;
constexpr Duration kLinePeriod = 5s;
constexpr std::string_view kClearLine = "\r\x1B[K";

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::optional<double> Share(const ProgressFigures& figures) {
  if (!figures.total || *figures.total == 0) return std::nullopt;
  return std::min(1.0, static_cast<double>(figures.done) / static_cast<double>(*figures.total));
}

/// Cut off, not rounded: 100 means all.
int Percent(double share) { return static_cast<int>(share * 100); }

std::string Rate(const ProgressFigures& figures) {
  const double seconds = Seconds(figures.elapsed);
  return FormatRate(seconds > 0 ? static_cast<double>(figures.items) / seconds : 0);
}

std::string Bar(double share, std::size_t columns) {
  const std::size_t inside = columns - 2;
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(inside));
  std::string bar(filled, '=');
  if (filled < inside) bar += '>';
  bar.resize(inside, ' ');
  return "[" + bar + "]";
}

/// What the line says, most important first.
std::vector<std::string> Segments(const ProgressFigures& figures) {
  std::vector<std::string> segments;
  segments.push_back(FormatCount(figures.items) + " items");
  segments.push_back(Rate(figures));
  for (const auto& count : figures.counts)
    segments.push_back(fmt::format("{} {}", count.name, FormatCount(count.value)));
  if (const auto left = TimeLeft(figures)) segments.push_back(FormatDuration(*left) + " left");
  return segments;
}

}  // namespace

std::optional<Duration> TimeLeft(const ProgressFigures& figures) {
  const auto share = Share(figures);
  if (!share || *share <= 0 || figures.elapsed <= 0s) return std::nullopt;
  const double seconds = Seconds(figures.elapsed) * (1 - *share) / *share;
  constexpr double kSecondsMax = 1e9;  // far beyond what anybody waits for, and safe to convert
  if (seconds > kSecondsMax) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

std::string ProgressBarLine(const ProgressFigures& figures, int columns) {
  constexpr std::size_t kBarColumnsMin = 10;
  constexpr std::size_t kBarColumnsMax = 40;
  // One column stays free: a full line would make some terminals begin the next.
  const auto room = static_cast<std::size_t>(std::max(columns, 1) - 1);
  const auto share = Share(figures);
  std::string head = share ? fmt::format("{:3}%", Percent(*share)) : "";
  std::string tail;
  for (const std::string& segment : Segments(figures)) {
    const std::string gap = head.empty() && tail.empty() ? "" : "  ";
    if (head.size() + tail.size() + gap.size() + segment.size() > room) break;
    tail += gap + segment;
  }
  const std::size_t used = head.size() + tail.size() + 1;
  if (share && used + kBarColumnsMin <= room)
    head += " " + Bar(*share, std::min(room - used, kBarColumnsMax));
  return (head + tail).substr(0, room);
}

std::string ProgressPlainLine(const ProgressFigures& figures) {
  std::string line;
  if (const auto share = Share(figures)) line = fmt::format("{}%, ", Percent(*share));
  return line + fmt::format("{}", fmt::join(Segments(figures), ", "));
}

ProgressStyle ProgressStyleFor(const Output& output) {
  const char* terminal = std::getenv("TERM");
  const bool can_redraw = terminal != nullptr && std::string_view(terminal) != "dumb";
  return output.is_terminal() && can_redraw ? ProgressStyle::kBar : ProgressStyle::kLines;
}

ProgressMeter::ProgressMeter(const Clock& clock, Output& output, ProgressStyle style)
    : clock_(clock), output_(output), style_(style), start_(clock.Now()), shown_at_(start_) {}

bool ProgressMeter::IsDue() const {
  if (style_ == ProgressStyle::kNone) return false;
  return clock_.Now() - shown_at_ >= (style_ == ProgressStyle::kBar ? kBarPeriod : kLinePeriod);
}

void ProgressMeter::Show(ProgressFigures figures) {
  if (style_ == ProgressStyle::kNone) return;
  shown_at_ = clock_.Now();
  figures.elapsed = elapsed();
  if (style_ == ProgressStyle::kBar) {
    output_.Print(kClearLine);
    output_.Print(ProgressBarLine(figures, output_.columns()));
    bar_is_shown_ = true;
  } else {
    output_.PrintLine(ProgressPlainLine(figures));
  }
  output_.Flush();
}

void ProgressMeter::Clear() {
  if (!bar_is_shown_) return;
  output_.Print(kClearLine);
  output_.Flush();
  bar_is_shown_ = false;
}

}  // namespace itemgate::cli
