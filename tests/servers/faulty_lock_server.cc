// `itemgate serve` with a lock between its servers that does what `--faulty-lock` says: it must not matter.

#include <unistd.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "app/serve.h"
#include "base/file.h"
#include "config/configuration.h"
#include "test_server.h"
#include "testing/faulty_lock.h"

namespace itemgate {
namespace {

FaultyLock::Mode ModeOf(std::string_view name) {
  using Mode = FaultyLock::Mode;
  static const std::map<std::string_view, Mode> kModes{
      {"always", Mode::kAlwaysGrants}, {"never", Mode::kNeverGrants}, {"twice", Mode::kGrantsTwice},
      {"hangs", Mode::kHangs},         {"throws", Mode::kThrows},     {"loses", Mode::kLoses}};
  return kModes.at(name);
}

config::Settings SettingsOf(const Flags& flags) {
  config::Inputs inputs;
  for (const config::Setting& setting : config::SettingTable()) {
    const auto given = flags.find(setting.FlagName());
    if (given != flags.end()) inputs.flags.push_back({std::string(setting.key), given->second});
  }
  PosixFileSystem files;
  auto loaded = config::Load(files, inputs);
  if (!loaded)
    (void)Must<int>(Fail(ErrorCode::kInvalidArgument, loaded.error().front().ToString()));
  loaded->settings.lock = "redlock";  // asked for whatever is saved
  return loaded->settings;
}

int Run(const Flags& flags) {
  const SystemClock clock;
  const auto sink = NewStandardErrorSink();
  FaultyLock lock(ModeOf(flags.at("--faulty-lock")));
  const auto serve = Must(Serve::Start(SettingsOf(flags), {.clock = clock,
                                                           .log_sink = *sink,
                                                           .version = "test",
                                                           .inherited = {},
                                                           .drain_requested = [] {},
                                                           .lock = &lock}));
  WriteAddresses(flags.at("--addresses-file"), serve->addresses().front(),
                 serve->management_addresses().front());
  while (true) pause();
}

}  // namespace
}  // namespace itemgate

int main(int argc, char** argv) {
  return itemgate::Run(itemgate::FlagsOf({argv, static_cast<std::size_t>(argc)}));
}
