#include "cli/command.h"

#include <charconv>
#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace itemgate::cli {
namespace {

/// The help shows a validator's description behind the type; ours say it in words.
CLI::Validator WithoutDescription(CLI::Validator validator) {
  validator.description("");
  return validator;
}

/// Of --server, if that is https.
void AddTlsOptions(CLI::App& command, ClientTlsOptions& tls) {
  const auto add = [&](const char* name, std::string& value, const char* type, const char* help) {
    command.add_option(name, value, help)->type_name(type)->group("With --server https://");
  };
  add("--server-ca-file", tls.ca_file, "FILE",
      "Who may have signed the server's certificate, PEM; whom the system trusts if not given");
  add("--server-name", tls.server_name, "NAME",
      "The name that the server's certificate must be for; the host of the URL if not given");
  add("--client-certificate-file", tls.certificate_file, "FILE",
      "Our certificate, PEM, for a server that asks for one");
  add("--client-key-file", tls.key_file, "FILE",
      "The key of our certificate, PEM; in the same file if not given");
}

std::string Footer(const CommandText& text) {
  std::string footer;
  if (!text.details.empty()) footer += text.details + "\n";
  if (!text.examples.empty()) footer += "Examples:\n" + text.examples + "\n";
  return footer + ExitStatusTable();
}

}  // namespace

CLI::App& AddCommand(CLI::App& root, Context& context, const CommandText& text,
                     std::function<ExitStatus()> run) {
  CLI::App& command = *root.add_subcommand(text.name, text.summary);
  command.footer(Footer(text));
  command.add_flag("--json", context.options().json, "Print JSON, for programs; errors, too");
  command.callback([&context, run = std::move(run)] { context.Choose(run); });
  return command;
}

void AddDataOption(CLI::App& command, Context& context) {
  command
      .add_option("-d,--data", context.options().data,
                  "The data directory; $ITEMGATE_DATA or else ./itemgate-data if not given")
      ->type_name("DIR");
}

void AddDatabaseOption(CLI::App& command, Context& context) {
  command
      .add_option("--store", context.options().store,
                  "A database that servers share, such as postgres://user@host/name; "
                  "$ITEMGATE_STORE if not given")
      ->type_name("URL");
}

void AddSharedStoreOptions(CLI::App& command, Context& context) {
  AddDatabaseOption(command, context);
  // What was named goes before what the environment names.
  command.get_option("--store")->each([&context](const std::string&) {
    context.options().server.clear();
    ++context.options().places_named;
  });
  command
      .add_option("--server", context.options().server,
                  "A server instead, such as http://127.0.0.1:8080, or https; $ITEMGATE_SERVER if "
                  "not given")
      ->type_name("URL")
      ->each([&context](const std::string&) { ++context.options().places_named; });
  AddTlsOptions(command, context.options().tls);
}

void AddStoreOptions(CLI::App& command, Context& context) {
  AddDataOption(command, context);
  AddSharedStoreOptions(command, context);
  CLI::Option* data = command.get_option("--data");
  data->each([&context](const std::string&) {
    context.options().server.clear();
    context.options().store.clear();
    ++context.options().places_named;
  });
  // Not --store, too: an option that excludes two is shown in the help now this way, now that.
  command.get_option("--server")->excludes(data);
}

void AddScopeOptions(CLI::App& command, Context& context) {
  command
      .add_option("-s,--scope", context.options().scope,
                  "The scope: within it each content is saved once; \"default\" if not given")
      ->type_name("NAME");
  command
      .add_option(
          "--key", context.options().key,
          "What makes contents equal: their bytes, or their canonical JSON (adds \"+json\" to the "
          "name of the scope)")
      ->check(CLI::IsMember({"bytes", "json"}))
      ->type_name("HOW");
}

void AddItemLimitOption(CLI::App& command, Context& context) {
  command
      .add_option("--item-limit", context.options().item_bytes_max,
                  "The largest content accepted, at most 1GiB; 16MiB if not given")
      ->transform(WithoutDescription(CLI::AsSizeValue(false)))
      ->check(WithoutDescription(CLI::Range(std::size_t{1}, kContentBytesLimit)))
      ->type_name("SIZE");
}

CLI::Validator Between(double lowest, double highest) {
  const auto problem = [lowest, highest](const std::string& text) {
    double value = 0;
    if (CLI::detail::lexical_cast(text, value) && value >= lowest && value <= highest)
      return std::string();
    return fmt::format("{} is not a number from {} to {}", text, lowest, highest);
  };
  return {problem, ""};
}

CLI::Validator WholeBetween(std::uint64_t lowest, std::uint64_t highest) {
  const auto normalize = [lowest, highest](std::string& text) {
    const char* const end = text.data() + text.size();
    std::uint64_t value = 0;
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end || value < lowest || value > highest)
      return fmt::format("{} is not a whole number from {} to {}", text, lowest, highest);
    text = std::to_string(value);
    return std::string();
  };
  return {normalize, ""};
}

}  // namespace itemgate::cli
