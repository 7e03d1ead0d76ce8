#pragma once

#include <cstddef>

#include "cli/context.h"
#include "cli/demo_stage.h"

namespace itemgate::cli {

struct DemoLoadOptions {
  DemoOptions stage;
  std::size_t items = 10'000;  // distinct contents
  int repeats = 2;             // of each
  int senders = 4;             // threads
};

/// Sends many contents and their repeats to the slow backend without waiting, and says how long that took, how much was
/// in flight at once and what it cost. Blocks until every caller has its answer.
ExitStatus RunDemoLoad(Context& context, const DemoLoadOptions& options);

}  // namespace itemgate::cli
