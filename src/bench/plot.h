#pragma once

#include <span>
#include <string>

#include "bench/report.h"

namespace itemgate {

/// The results as a picture: for each workload a panel, and in it for each case a bar (items/s) and a line from the
/// median latency to the 99th percentile on a logarithmic axis. A self-contained SVG document.
[[nodiscard]] std::string PlotSvg(std::span<const CaseResult> results);

}  // namespace itemgate
