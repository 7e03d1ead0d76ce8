#include <memory>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/demo_load.h"
#include "cli/demo_story.h"

namespace itemgate::cli {
namespace {

constexpr std::size_t kItemsMax =
    300'000;  // with their repeats they fit the service's limit of in-flight saves

struct DemoSettings {
  std::size_t items = 0;  // 0: the story of a, b and c
  std::string delay = "2s";
  double fail_rate = 0;
};

ExitStatus RunDemo(Context& context, const DemoSettings& settings) {
  const auto delay = ParseDelayRange(settings.delay);
  if (!delay) return context.Report(delay.error());
  const DemoOptions options{.delay = *delay, .refused_rate = settings.fail_rate};
  if (settings.items == 0) return TellDemoStory(context, options);
  return RunDemoLoad(context, {.stage = options, .items = settings.items});
}

}  // namespace

void AddDemoCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto settings = std::make_shared<DemoSettings>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "demo",
       .summary = "Watch equal contents being saved once by a slow backend",
       .details = "Nothing is kept: the store lies in memory and the backend is simulated.\n",
       .examples =
           "  itemgate demo                             a, b, c, and again: three items\n"
           "  itemgate demo --delay 2s..40s --fail 0.3  slow and unreliable\n"
           "  itemgate demo --items 10000               10,000 saves and 20,000 repeats at once\n"},
      [&context, settings] { return RunDemo(context, *settings); });
  command
      .add_option("-n,--items", settings->items,
                  "Save that many contents, each sent three times, and measure it")
      ->check(Between(1, kItemsMax))
      ->type_name("ITEMS");
  command
      .add_option("--delay", settings->delay, "What a save takes: 2s, 500ms, or random, 2s..40s")
      ->type_name("DELAY");
  command
      .add_option("--fail", settings->fail_rate,
                  "The share of saves that the backend refuses, 0 to 1")
      ->check(Between(0, 1))
      ->type_name("RATE");
}

}  // namespace itemgate::cli
