#include "cli/context.h"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/text.h"

namespace itemgate::cli {
namespace {

std::string FromEnvironment(const char* name, const char* otherwise) {
  const char* chosen = std::getenv(name);
  return chosen != nullptr && *chosen != '\0' ? chosen : otherwise;
}

}  // namespace

Result<ClientOptions> ServerOf(const CommonOptions& options) {
  if (options.server.empty() && options.tls != ClientTlsOptions{})
    return Fail(ErrorCode::kInvalidArgument,
                "certificates and the name of a server (--server-ca-file and the like) are of use "
                "only with --server https://...");
  return ClientOptions{.url = options.server, .tls = options.tls};
}

Context::Context(const Clock& clock, std::vector<std::string> arguments,
                 const OutputDescriptors& descriptors)
    : clock_(clock),
      arguments_(std::move(arguments)),
      out_(descriptors.out, "standard output"),
      err_(descriptors.err, "standard error") {
  options_.data = FromEnvironment("ITEMGATE_DATA", "./itemgate-data");
  options_.store = FromEnvironment("ITEMGATE_STORE", "");
  options_.server = FromEnvironment("ITEMGATE_SERVER", "");
  options_.scope = Scope::kDefaultName;
  for (const std::string& argument : arguments_) {
    if (argument == "--") break;
    if (argument == "--json")
      options_.json = true;  // before parsing: for errors of the command line itself
  }
}

std::string Context::CommandLine() const {
  std::string line;
  for (const std::string& argument : arguments_) {
    if (!line.empty()) line += ' ';
    line += ShellQuote(argument);
  }
  return line;
}

Result<Scope> Context::ChosenScope() const {
  const bool add_suffix = options_.key == "json" && !options_.scope.ends_with("+json");
  return Scope::Named(add_suffix ? options_.scope + "+json" : options_.scope);
}

Result<std::unique_ptr<Items>> Context::OpenStore(StoreMode mode) {
  if (options_.places_named > 1)
    return Fail(ErrorCode::kInvalidArgument,
                "--data, --store and --server name three places; choose one");
  const auto server = ServerOf(options_);
  if (!server) return std::unexpected(server.error());
  if (!options_.server.empty()) return ConnectItems(*server, options_.item_bytes_max);
  OpenOptions open;
  open.directory = options_.data;
  if (options_.store != "embedded") open.database = options_.store;
  open.must_exist = mode == StoreMode::kMustExist;
  open.service.content_bytes_max = options_.item_bytes_max;
  return OpenItems(open);
}

void Context::PrintError(const Error& error) {
  if (options_.json) {
    JsonWriter json;
    json.BeginObject().Name("error").BeginObject();
    json.Field("code", ErrorCodeName(error.code)).Field("message", error.message);
    err_.PrintLine(json.EndObject().EndObject().Take());
  } else {
    err_.PrintLine("itemgate: " + error.message);
  }
  err_.Flush();
}

ExitStatus Context::Report(const Error& error) {
  out_.Flush();
  PrintError(error);
  return StatusOf(error.code);
}

ExitStatus Context::ReportOpening(const Error& error) {
  PrintError(error);
  return options_.server.empty() ? StatusOfOpening(error.code) : StatusOfConnecting(error.code);
}

ExitStatus Context::ReportRedisServers(const Error& error) {
  const ExitStatus status = Report(error);
  return error.code == ErrorCode::kUnsupported ? ExitStatus::kUsage : status;
}

ExitStatus Context::Finish(ExitStatus status) {
  out_.Flush();
  err_.Flush();
  if (!out_.failed() || out_.failure()->code == ErrorCode::kUnavailable) return status;
  PrintError(*out_.failure());
  return ExitStatus::kInputOutput;
}

}  // namespace itemgate::cli
