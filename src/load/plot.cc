#include "load/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "bench/canvas.h"
#include "bench/figures.h"

namespace itemgate::load {
namespace {

constexpr double kWidth = 860;
constexpr double kLeft = 88;
constexpr double kRight = 832;
constexpr double kPanelHeight = 240;
constexpr double kPanelGap = 76;
constexpr std::array<std::string_view, 6> kLooks = {"first",  "second", "third",
                                                    "fourth", "fifth",  "sixth"};
constexpr int kNinesMax = 4;          // the axis of percentiles ends with 99.99 %
constexpr int kPointsOfADecade = 12;  // of a curve of percentiles

/// Where a panel lies, from the upper left to the lower right.
struct Panel {
  double top;
  [[nodiscard]] double bottom() const { return top + kPanelHeight; }
  [[nodiscard]] Point At(double x_share, double y_share) const {
    return {kLeft + x_share * (kRight - kLeft),
            bottom() - std::clamp(y_share, 0.0, 1.0) * kPanelHeight};
  }
};

/// Powers of ten that hold all durations.
struct Decades {
  int first = 3;
  int last = 6;
  [[nodiscard]] double ShareOf(Duration duration) const {
    const double decades = std::log10(std::max(1.0, static_cast<double>(duration.count())));
    return (decades - first) / (last - first);
  }
};

Decades DecadesOf(std::span<const PlotCase> cases) {
  double shortest = 1e9;
  double longest = 1e3;
  for (const PlotCase& one : cases) {
    if (one.tally.latency().count() == 0) continue;
    shortest = std::min(shortest, static_cast<double>(one.tally.latency().Quantile(0).count()));
    longest = std::max(longest, static_cast<double>(one.tally.latency_max().count()));
  }
  const int first = static_cast<int>(std::floor(std::log10(std::max(1.0, shortest))));
  return {first, std::max(first + 1, static_cast<int>(std::ceil(std::log10(longest))))};
}

void DrawLatency(Canvas& canvas, std::span<const PlotCase> cases, Panel panel) {
  canvas.Text({kLeft, panel.top - 14}, "panel", "Latency by percentile");
  const Decades decades = DecadesOf(cases);
  for (int decade = decades.first; decade <= decades.last; ++decade) {
    const Duration duration(std::llround(std::pow(10.0, decade)));
    const double share = decades.ShareOf(duration);
    canvas.Line(panel.At(0, share), panel.At(1, share), "grid");
    canvas.Text({kLeft - 8, panel.At(0, share).y + 4}, "quiet end", ShortDuration(duration));
  }
  constexpr std::array<std::string_view, kNinesMax + 1> kNames = {"0 %", "90 %", "99 %", "99.9 %",
                                                                  "99.99 %"};
  for (int nines = 0; nines <= kNinesMax; ++nines) {
    const double share = static_cast<double>(nines) / kNinesMax;
    canvas.Line(panel.At(share, 0), panel.At(share, 1), "grid");
    canvas.Text({panel.At(share, 0).x, panel.bottom() + 18}, "quiet middle",
                kNames[static_cast<std::size_t>(nines)]);
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Histogram& latency = cases[i].tally.latency();
    if (latency.count() == 0) continue;
    std::vector<Point> points;
    for (int step = 0; step <= kNinesMax * kPointsOfADecade; ++step) {
      const double nines = static_cast<double>(step) / kPointsOfADecade;
      const Duration at = latency.Quantile(1 - std::pow(10.0, -nines));
      points.push_back(panel.At(nines / kNinesMax, decades.ShareOf(at)));
    }
    canvas.Curve(points, kLooks[i]);
  }
}

double PerSecond(std::uint64_t count, Duration stretch) {
  return static_cast<double>(count) / std::chrono::duration<double>(stretch).count();
}

/// A number with one digit, or 1.5 times a power of ten, that is not below `value`.
double RoundNumberAbove(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(std::max(1.0, value))));
  for (const double factor : {1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0})
    if (factor * power >= value) return factor * power;
  return 10 * power;
}

void DrawRates(Canvas& canvas, std::span<const PlotCase> cases, Panel panel) {
  double fastest = 1;
  double longest = 0.1;  // seconds
  for (const PlotCase& one : cases) {
    const Duration stretch = one.tally.stretch();
    for (const Stretch& part : one.tally.stretches())
      fastest = std::max(fastest, PerSecond(part.succeeded, stretch));
    longest = std::max(longest, std::chrono::duration<double>(stretch).count() *
                                    static_cast<double>(one.tally.stretches().size()));
  }
  const double highest = RoundNumberAbove(fastest);
  canvas.Text({kLeft, panel.top - 14}, "panel", "Requests each second");
  canvas.Text(
      {kLeft + 190, panel.top - 14}, "quiet",
      "lines: successes; dots: failures, where there are any; those beyond the axis lie on it");
  for (int tick = 0; tick <= 4; ++tick) {
    const double share = tick / 4.0;
    canvas.Line(panel.At(0, share), panel.At(1, share), "grid");
    canvas.Text({kLeft - 8, panel.At(0, share).y + 4}, "quiet end", ShortNumber(share * highest));
    canvas.Text({panel.At(share, 0).x, panel.bottom() + 18}, "quiet middle",
                Decimal(share * longest, 1) + " s");
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Duration stretch = cases[i].tally.stretch();
    const double step = std::chrono::duration<double>(stretch).count() / longest;
    std::vector<Point> points;
    double share = step / 2;
    for (const Stretch& part : cases[i].tally.stretches()) {
      points.push_back(panel.At(share, PerSecond(part.succeeded, stretch) / highest));
      if (part.failed > 0)
        canvas.Dot(panel.At(share, PerSecond(part.failed, stretch) / highest), 2);
      share += step;
    }
    canvas.Curve(points, kLooks[i]);
  }
}

}  // namespace

std::string PlotSvg(std::span<const PlotCase> cases) {
  cases = cases.first(std::min(cases.size(), kLooks.size()));
  Canvas canvas(kWidth);
  canvas.Text({28, 38}, "title", "Itemgate: how a server answers");
  double left = 28;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    canvas.Curve(std::array{Point{left, 62}, Point{left + 18, 62}}, kLooks[i]);
    canvas.Text({left + 24, 66}, "quiet", cases[i].name);
    left += 48 + 7 * static_cast<double>(cases[i].name.size());
  }
  const Panel latency{112};
  const Panel rates{latency.bottom() + kPanelGap};
  DrawLatency(canvas, cases, latency);
  DrawRates(canvas, cases, rates);
  return canvas.Take(rates.bottom() + 40);
}

}  // namespace itemgate::load
