#include "bench/plot.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "bench/canvas.h"
#include "bench/figures.h"

namespace itemgate {
namespace {

constexpr double kWidth = 860;
constexpr double kMargin = 28;
constexpr double kTitleHeight = 76;
constexpr double kPanelHead = 52;
constexpr double kPanelGap = 18;
constexpr double kRowHeight = 24;
constexpr double kBarLeft = 158;
constexpr double kBarWidth = 300;  // of the fastest case of a panel
constexpr double kLatencyLeft = 560;
constexpr double kLatencyRight = 760;
constexpr double kRight = kWidth - kMargin;
constexpr int kDecadeLabelsMax =
    4;  // more of them would touch; then only 1 us, 1 ms and 1 s are named

/// The logarithmic axis of all latencies, from a power of ten to a power of ten.
class LatencyAxis {
 public:
  explicit LatencyAxis(std::span<const CaseResult> results) {
    double shortest = 1e9;
    double longest = 1e3;
    for (const CaseResult& result : results) {
      if (result.items == 0) continue;
      shortest = std::min(shortest, static_cast<double>(result.latency_p50.count()));
      longest = std::max(longest, static_cast<double>(result.latency_p99.count()));
    }
    first_decade_ = static_cast<int>(std::floor(std::log10(std::max(1.0, shortest))));
    last_decade_ = std::max(first_decade_ + 1, static_cast<int>(std::ceil(std::log10(longest))));
  }

  [[nodiscard]] int first_decade() const { return first_decade_; }
  [[nodiscard]] int last_decade() const { return last_decade_; }

  [[nodiscard]] double At(Duration latency) const {
    const double decades =
        std::log10(std::max(1.0, static_cast<double>(latency.count()))) - first_decade_;
    const double share = std::clamp(decades / (last_decade_ - first_decade_), 0.0, 1.0);
    return kLatencyLeft + share * (kLatencyRight - kLatencyLeft);
  }

 private:
  int first_decade_ = 0;
  int last_decade_ = 1;
};

/// "1 us" and not "1.00 us".
std::string DecadeName(int decade) {
  static constexpr std::string_view kUnits[] = {" ns", " us", " ms", " s"};
  const int unit = std::min(decade / 3, 3);
  return Decimal(std::pow(10.0, decade - 3 * unit), 0).append(kUnits[unit]);
}

void DrawPanelHead(Canvas& canvas, Workload workload, double top) {
  canvas.Text({kMargin, top + 16}, "panel", WorkloadName(workload));
  canvas.Text({kMargin + 34, top + 16}, "quiet", WorkloadMeaning(workload));
  canvas.Text({kBarLeft, top + 40}, "quiet", "items/s");
  canvas.Text({kRight, top + 40}, "quiet end", "p99");
}

void DrawLatencyGrid(Canvas& canvas, const LatencyAxis& axis, Point span) {
  for (int decade = axis.first_decade(); decade <= axis.last_decade(); ++decade) {
    const double x = axis.At(Duration(std::llround(std::pow(10.0, decade))));
    canvas.Line({x, span.x}, {x, span.y}, "grid");
    if (decade % 3 == 0 || axis.last_decade() - axis.first_decade() < kDecadeLabelsMax)
      canvas.Text({x, span.x - 6}, "quiet middle", DecadeName(decade));
  }
}

struct RowScale {
  double fastest;  // items/s of the longest bar
  const LatencyAxis& latency;
};

void DrawRow(Canvas& canvas, const CaseResult& result, double top, const RowScale& scale) {
  const double baseline = top + kRowHeight / 2 + 4.5;
  canvas.Text({kBarLeft - 12, baseline}, "end", CaseName(result));
  if (result.problem || result.items == 0) {
    canvas.Text({kBarLeft, baseline}, "quiet", "no valid figures");
    return;
  }
  const double width = std::max(1.0, kBarWidth * result.ItemsPerSecond() / scale.fastest);
  canvas.Bar({kBarLeft, top + 4}, width, kRowHeight - 8);
  canvas.Text({kBarLeft + width + 7, baseline}, "", ShortNumber(result.ItemsPerSecond()));
  const double middle = top + kRowHeight / 2;
  const double median = scale.latency.At(result.latency_p50);
  canvas.Line({median, middle}, {scale.latency.At(result.latency_p99), middle}, "range");
  canvas.Dot({median, middle}, 4);
  canvas.Text({kRight, baseline}, "end", ShortDuration(result.latency_p99));
}

double DrawPanel(Canvas& canvas, std::span<const CaseResult> rows, double top,
                 const LatencyAxis& axis) {
  double fastest = 1;
  for (const CaseResult& row : rows) fastest = std::max(fastest, row.ItemsPerSecond());
  const double rows_top = top + kPanelHead;
  const double bottom = rows_top + kRowHeight * static_cast<double>(rows.size());
  DrawPanelHead(canvas, rows.front().workload, top);
  DrawLatencyGrid(canvas, axis, {rows_top - 6, bottom});
  double row_top = rows_top;
  for (const CaseResult& row : rows) {
    DrawRow(canvas, row, row_top, {fastest, axis});
    row_top += kRowHeight;
  }
  return bottom + kPanelGap;
}

}  // namespace

std::string PlotSvg(std::span<const CaseResult> results) {
  Canvas canvas(kWidth);
  canvas.Text({kMargin, 38}, "title", "Itemgate: items saved each second, and how long one takes");
  canvas.Text({kMargin, 60}, "quiet",
              "256-byte contents. Bars: items/s, each panel to its own scale. Latency of an item: "
              "dot = median, line to the 99th percentile.");
  const LatencyAxis axis(results);
  double top = kTitleHeight;
  for (const Workload workload : kAllWorkloads) {
    std::vector<CaseResult> rows;
    std::ranges::copy_if(results, std::back_inserter(rows),
                         [&](const CaseResult& r) { return r.workload == workload; });
    if (!rows.empty()) top = DrawPanel(canvas, rows, top, axis);
  }
  return canvas.Take(top + 10);
}

}  // namespace itemgate
