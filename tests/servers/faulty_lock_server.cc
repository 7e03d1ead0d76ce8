// `itemgate serve` with a lock between its servers that does what `--faulty-lock` says: it must not matter.
//
//   itemgate_faulty_lock_server serve --faulty-lock always|never|twice|hangs|throws|loses --faulty-lock-folder FOLDER
//       --addresses-file FILE, and settings as `itemgate serve` has them

#include <signal.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "app/serve.h"
#include "base/file.h"
#include "config/configuration.h"
#include "lock_files.h"
#include "test_server.h"
#include "testing/faulty_lock.h"

namespace itemgate {
namespace {

std::unique_ptr<ContentLock> LockOf(const Flags& flags) {
  using Mode = FaultyLock::Mode;
  static const std::map<std::string_view, Mode> kModes{{"always", Mode::kAlwaysGrants},
                                                       {"hangs", Mode::kHangs},
                                                       {"throws", Mode::kThrows},
                                                       {"loses", Mode::kLoses}};
  static const std::map<std::string_view, int> kHoldersMax{{"never", 0}, {"twice", 2}};
  const std::string& name = flags.at("--faulty-lock");
  if (const auto holders = kHoldersMax.find(name); holders != kHoldersMax.end())
    return std::make_unique<LockFiles>(flags.at("--faulty-lock-folder"), holders->second);
  return std::make_unique<FaultyLock>(kModes.at(name));
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

/// From now on they wait to be taken, by all threads that are yet to begin.
sigset_t HoldEndSignals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  return ends;
}

int Run(const Flags& flags) {
  const sigset_t ends = HoldEndSignals();
  const SystemClock clock;
  const auto sink = NewStandardErrorSink();
  const auto lock = LockOf(flags);
  const auto serve =
      Must(Serve::Start(SettingsOf(flags), {.clock = clock,
                                            .log_sink = *sink,
                                            .version = "test",
                                            .inherited = {},
                                            .drain_requested = [] { kill(getpid(), SIGTERM); },
                                            .lock = lock.get()}));
  WriteAddresses(flags.at("--addresses-file"), serve->addresses().front(),
                 serve->management_addresses().front());
  int signal = 0;
  sigwait(&ends, &signal);
  if (serve->Drain() == Serve::Drained::kSomethingLeft) _exit(0);
  return 0;
}

}  // namespace
}  // namespace itemgate

int main(int argc, char** argv) {
  return itemgate::Run(itemgate::FlagsOf({argv, static_cast<std::size_t>(argc)}));
}
