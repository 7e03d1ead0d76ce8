#pragma once

#include <span>
#include <string>

#include "load/tally.h"

namespace itemgate::load {

/// One load in a picture. The tally must live as long.
struct PlotCase {
  std::string name;
  const Tally& tally;
};

/// The loads as a picture: latency by percentile, and successes and failures over the time. A self-contained SVG
/// document. Shows at most six of them.
[[nodiscard]] std::string PlotSvg(std::span<const PlotCase> cases);

}  // namespace itemgate::load
