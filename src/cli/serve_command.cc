#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/serve.h"
#include "app/service_manager.h"
#include "base/database_url.h"
#include "base/json_writer.h"
#include "cli/command.h"
#include "cli/setting_options.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "cli/version.h"
#include "cli/write_file.h"

namespace itemgate::cli {
namespace {

struct ServeFlags {
  std::shared_ptr<SettingOptions> settings;
  std::string addresses_file;
};

void WriteList(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.Name(name).BeginArray();
  for (const std::string& text : texts) json.Value(text);
  json.EndArray();
}

std::string AddressesJson(const Serve& serve) {
  JsonWriter json;
  json.BeginObject();
  WriteList(json, "listen", serve.addresses());
  WriteList(json, "management", serve.management_addresses());
  return json.Field("pid", getpid()).EndObject().Take();
}

/// Appears at once and whole.
Result<void> WriteAddresses(const std::string& path, const Serve& serve) {
  const std::string draft = path + ".new";
  PosixFileSystem files;
  Result<void> written = WriteFile(draft, AddressesJson(serve) + "\n");
  if (written) {
    written = files.Rename(draft, path);
    if (!written) (void)files.Remove(draft);
  }
  if (written) return {};
  return Fail(written.error().code,
              fmt::format("cannot write the addresses to {}: {} (--addresses-file)", path,
                          written.error().message));
}

/// Where the items are, for people.
std::string PlaceOf(const config::Settings& settings) {
  return settings.store == "embedded" ? settings.data : WithoutPassword(settings.store);
}

void PrintGreeting(Context& context, const config::Settings& settings, const Serve& serve) {
  if (context.options().json) {
    context.out().PrintLine(AddressesJson(serve));
    return context.out().Flush();
  }
  const std::string first = "http://" + serve.addresses().front();
  std::string text = fmt::format("Itemgate {} serves {} ({}) at", Version(), PlaceOf(settings),
                                 Counted(serve.store_statistics().items, "item"));
  for (const std::string& address : serve.addresses()) text += " http://" + address;
  text += "\n";
  for (const std::string& address : serve.management_addresses())
    text += fmt::format("For operators: http://{}/healthz, /readyz, /metrics\n", address);
  text += fmt::format(
      "Try:\n"
      "  curl -i --data-binary 'hello' {0}/v1/items\n"
      "  curl {0}/v1/items\n"
      "Ctrl-C ends it in order.\n",
      first);
  context.out().Print(text);
  context.out().Flush();
}

void LogReloadFailed(Serve& serve, std::string_view problems) {
  serve.log().Write(LogLevel::kError, "reload_failed",
                    {{"problems", problems}, {"effect", "what was wrong stays as it was"}});
}

void Reload(const ServeFlags& flags, Serve& serve, const config::Settings& running) {
  NotifyServiceManager("RELOADING=1");
  const auto loaded = LoadSettings(*flags.settings);
  if (loaded) {
    const auto reloaded = serve.Reload(loaded->settings);
    if (!reloaded) LogReloadFailed(serve, reloaded.error().message);
    std::string waiting;
    for (const std::string_view key :
         config::Changed(running, loaded->settings, config::Reload::kNo))
      waiting += (waiting.empty() ? "" : ",") + std::string(key);
    if (reloaded) serve.log().Write(LogLevel::kInfo, "reloaded", {{"needs_restart", waiting}});
  } else {
    serve.ReloadFailed();
    std::string problems;
    for (const config::Problem& problem : loaded.error())
      problems += (problems.empty() ? "" : "; ") + problem.ToString();
    LogReloadFailed(serve, problems);
  }
  NotifyServiceManager("READY=1");
}

/// Serves until it is asked to end, and tells how.
Signal ServeUntilEnd(const ServeFlags& flags, Serve& serve, Signals& signals,
                     const config::Settings& settings) {
  const Duration patience =
      WatchdogInterval().value_or(std::chrono::hours(1)) / 2;  // as sd_watchdog_enabled(3) advises
  while (true) {
    const auto signal = signals.Wait(patience);
    if (signal == Signal::kReload)
      Reload(flags, serve, settings);
    else if (signal)
      return *signal;
    NotifyServiceManager("WATCHDOG=1");
  }
}

ExitStatus RunServe(Context& context, const ServeFlags& flags) {
  const auto loaded = LoadSettings(*flags.settings);
  if (!loaded) return ReportProblems(context, loaded.error());
  for (const std::string& note : loaded->notes) context.err().PrintLine("itemgate: note: " + note);
  context.err().Flush();

  Signals signals;  // before all other threads
  ClosableSink sink(NewStandardErrorSink());
  auto serve = Serve::Start(loaded->settings, {.clock = context.clock(),
                                               .log_sink = sink,
                                               .version = Version(),
                                               .inherited = TakeInheritedSockets(),
                                               .drain_requested = &Signals::RequestEnd});
  if (!serve) return context.Report(serve.error());
  if (!flags.addresses_file.empty()) {
    if (const auto written = WriteAddresses(flags.addresses_file, **serve); !written)
      return context.Report(written.error());
  }
  PrintGreeting(context, loaded->settings, **serve);
  (*serve)->log().Write(LogLevel::kInfo, "serving",
                        {{"address", (*serve)->addresses().front()},
                         {"data", PlaceOf(loaded->settings)},
                         {"version", Version()}});
  NotifyServiceManager("READY=1");
  const Signal end = ServeUntilEnd(flags, **serve, signals, loaded->settings);

  NotifyServiceManager("STOPPING=1");
  // Whoever asks with POST /drain often sends SIGTERM next, and means no hurry.
  if (end == Signal::kEnd) signals.LetEndKill();
  if ((*serve)->Drain() == Serve::Drained::kSomethingLeft) {
    // Waiting for it could take for ever. Nothing acknowledged is lost, and whoever sends such a content again finds
    // out what became of it.
    sink.Close();  // what is queued is written; others may still have something to log
    _exit(static_cast<int>(context.Finish(ExitStatus::kOk)));
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddServeCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto flags = std::make_shared<ServeFlags>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "serve",
       .summary = "Serve items over HTTP",
       .details = "Needs no configuration. A flag goes before the environment, that before the "
                  "file, and that before the\n"
                  "default, which stands in brackets. SIGTERM or Ctrl-C: no new work, finishes "
                  "what was begun, exit code\n"
                  "0; a second one ends it at once. SIGHUP: reads the file again.\n",
       .examples =
           "  itemgate serve\n"
           "  itemgate serve --listen 0.0.0.0:8080 --data /var/lib/itemgate\n"
           "  itemgate serve --store postgres://itemgate@db/items     one of many; `itemgate "
           "migrate` first\n"
           "  itemgate serve --backend.url http://slow-system     which gets each item once, too\n"
           "  itemgate serve --config itemgate.toml       `itemgate config example` prints one\n"
           "  itemgate serve --backend.simulated-delay 2s..40s   to see how slow saves behave\n"},
      [&context, flags] { return RunServe(context, *flags); });
  flags->settings = AddSettingOptions(command);
  command
      .add_option(
          "--addresses-file", flags->addresses_file,
          "Writes the addresses to this file as JSON as soon as they are served; for port 0")
      ->type_name("FILE");
}

}  // namespace itemgate::cli
