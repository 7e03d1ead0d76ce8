#pragma once

#include "cli/context.h"
#include "cli/demo_stage.h"

namespace itemgate::cli {

/// Sends a, b, c at the same time and half a second later again, tells what happens as it happens, and shows what was
/// recorded in the end. Blocks until every caller has its answer.
ExitStatus TellDemoStory(Context& context, const DemoOptions& options);

}  // namespace itemgate::cli
