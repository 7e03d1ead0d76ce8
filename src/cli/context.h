#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/exit_status.h"
#include "cli/items.h"
#include "cli/output.h"
#include "itemgate/client.h"

namespace itemgate::cli {

/// What the options that commands share were set to.
struct CommonOptions {
  std::string data;      // the directory of the store
  std::string store;     // the URL of a database; empty: the store is in the directory
  int places_named = 0;  // by --data, --store and --server
  std::string server;    // the URL of a server; empty: the store is in the directory
  ClientTlsOptions tls;  // of the server
  std::string scope;
  std::string key = "bytes";  // "bytes" or "json"
  bool json = false;          // machine-readable output
  std::size_t item_bytes_max = 16 << 20;
};

/// How to reach the server of --server; with an empty URL if none was named. Fails with kInvalidArgument if none was,
/// but options of TLS, which then have no effect.
[[nodiscard]] Result<ClientOptions> ServerOf(const CommonOptions& options);

enum class StoreMode {
  kCreate,     // made if it is not there
  kMustExist,  // for commands that only read
};

/// The open file descriptors that the program prints to.
struct OutputDescriptors {
  int out = 1;
  int err = 2;
};

/// What every command has at hand: the shared options, the outputs, the clock, and the way to the service. One for a
/// run of the program; belongs to the main thread, except clock().
class Context {
 public:
  /// `clock` must outlive the context. `arguments` are those of the process, for messages that say how to go on.
  Context(const Clock& clock, std::vector<std::string> arguments,
          const OutputDescriptors& descriptors = {});

  [[nodiscard]] CommonOptions& options() { return options_; }
  [[nodiscard]] const CommonOptions& options() const { return options_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] Output& out() { return out_; }
  [[nodiscard]] Output& err() { return err_; }

  /// The command line as one would type it to run it again.
  [[nodiscard]] std::string CommandLine() const;

  /// The scope of --scope and --key.
  [[nodiscard]] Result<Scope> ChosenScope() const;

  /// Opens the store of --data, or connects to that of --server. The only place where a command meets an
  /// implementation.
  [[nodiscard]] Result<std::unique_ptr<Items>> OpenStore(StoreMode mode);

  /// Tells the user, on standard error, and gives the status to end with.
  ExitStatus Report(const Error& error);
  ExitStatus ReportOpening(const Error& error);
  /// Of texts that name Redis servers: what is not offered there is wrong usage, and no data directory of another
  /// version.
  ExitStatus ReportRedisServers(const Error& error);

  /// Flushes what was printed and gives the status that the program ends with after `status`: that of failed output,
  /// if there was any. A reader that closed the pipe had enough, and that is no failure.
  [[nodiscard]] ExitStatus Finish(ExitStatus status);

  /// Remembers what the chosen command does; called while the command line is parsed.
  void Choose(std::function<ExitStatus()> run) { run_ = std::move(run); }
  [[nodiscard]] const std::function<ExitStatus()>& chosen() const { return run_; }

 private:
  void PrintError(const Error& error);

  CommonOptions options_;
  const Clock& clock_;
  std::vector<std::string> arguments_;
  Output out_;
  Output err_;
  std::function<ExitStatus()> run_;
};

}  // namespace itemgate::cli
