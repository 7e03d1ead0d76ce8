#include "cli/command.h"

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

}  // namespace itemgate::cli
