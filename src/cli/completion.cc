#include "cli/completion.h"

#include <algorithm>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace itemgate::cli {
namespace {

using Kind = CompletionValue::Kind;

/// From "HOW:{a,b}", as the parser describes an option with a fixed set of values: a and b.
std::vector<std::string> ChoicesIn(std::string_view type) {
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}');
  if (open == std::string_view::npos || close == std::string_view::npos) return {};
  return CLI::detail::split(std::string(type.substr(open + 1, close - open - 1)), ',');
}

CompletionValue ValueOf(const CLI::Option& option) {
  if (option.get_expected_max() == 0) return {};
  const std::string type = option.get_type_name();
  if (auto choices = ChoicesIn(type); !choices.empty()) return {Kind::kOneOf, std::move(choices)};
  if (type.starts_with("FILE") || option.get_name(true) == "PATH") return {Kind::kFile, {}};
  if (type.starts_with("DIR")) return {Kind::kFolder, {}};
  return {Kind::kFree, {}};
}

CompletionCommand CommandOf(const CLI::App& app) {
  CompletionCommand command{.name = app.get_name(), .help = app.get_description()};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      command.argument = ValueOf(*option);
      continue;
    }
    CompletionOption shown{.help = option->get_description(), .value = ValueOf(*option)};
    for (const std::string& name : option->get_lnames()) shown.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) shown.names.push_back("-" + name);
    command.options.push_back(std::move(shown));
  }
  return command;
}

std::string Names(const std::vector<CompletionCommand>& commands) {
  std::string names;
  for (const CompletionCommand& command : commands)
    names += (names.empty() ? "" : " ") + command.name;
  return names;
}

/// The bash that offers a value.
std::string BashReply(const CompletionValue& value) {
  switch (value.kind) {
    case Kind::kFile:
      return "COMPREPLY=($(compgen -f -- \"$current\"))";
    case Kind::kFolder:
      return "COMPREPLY=($(compgen -d -- \"$current\"))";
    case Kind::kOneOf:
      return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$current\"))",
                         fmt::join(value.choices, " "));
    case Kind::kNone:
    case Kind::kFree:
      break;
  }
  return "COMPREPLY=()";
}

std::string BashValueCase(const CompletionCommand& command) {
  std::string lines;
  for (const CompletionOption& option : command.options) {
    if (option.value.kind == Kind::kNone) continue;
    lines += fmt::format("        {}) {}; return ;;\n", fmt::join(option.names, "|"),
                         BashReply(option.value));
  }
  return lines.empty() ? "" : "      case \"$previous\" in\n" + lines + "      esac\n";
}

std::string BashCommandCase(const CompletionCommand& command) {
  std::vector<std::string> names;
  for (const CompletionOption& option : command.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  std::string text = fmt::format("    {})\n", command.name) + BashValueCase(command);
  text += fmt::format(
      "      if [[ $current == -* ]]; then COMPREPLY=($(compgen -W '{}' -- \"$current\"))\n",
      fmt::join(names, " "));
  return text + fmt::format("      else {}; fi ;;\n", BashReply(command.argument));
}

/// Quoted for a single-quoted string of zsh or fish, without what has a meaning in a zsh specification.
std::string Plain(std::string_view text) {
  std::string plain;
  for (const char c : text)
    if (std::string_view("'[]:\\").find(c) == std::string_view::npos) plain += c;
  return plain;
}

std::string ZshAction(const CompletionValue& value) {
  switch (value.kind) {
    case Kind::kNone:
      return "";
    case Kind::kFree:
      return ":value: ";
    case Kind::kFile:
      return ":file:_files";
    case Kind::kFolder:
      return ":folder:_files -/";
    case Kind::kOneOf:
      break;
  }
  return fmt::format(":value:({})", fmt::join(value.choices, " "));
}

std::string ZshCommandCase(const CompletionCommand& command) {
  std::string text = fmt::format("        {})\n          _arguments", command.name);
  for (const CompletionOption& option : command.options)
    for (const std::string& name : option.names)
      text += fmt::format(" \\\n            '*{}[{}]{}'", name, Plain(option.help),
                          ZshAction(option.value));
  if (command.argument.kind != Kind::kNone)
    text += fmt::format(" \\\n            '*{}'", ZshAction(command.argument));
  return text + " ;;\n";
}

std::string FishOption(const CompletionCommand& command, const CompletionOption& option) {
  std::string line =
      fmt::format("complete -c itemgate -n '__fish_seen_subcommand_from {}'", command.name);
  for (const std::string& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  switch (option.value.kind) {
    case Kind::kNone:
      break;
    case Kind::kFree:
      line += " -x";
      break;
    case Kind::kFile:
      line += " -r -F";
      break;
    case Kind::kFolder:
      line += " -x -a '(__fish_complete_directories)'";
      break;
    case Kind::kOneOf:
      line += fmt::format(" -x -a '{}'", fmt::join(option.value.choices, " "));
      break;
  }
  return line + fmt::format(" -d '{}'\n", Plain(option.help));
}

}  // namespace

std::vector<CompletionCommand> CompletionOf(const CLI::App& root) {
  std::vector<CompletionCommand> commands;
  for (const CLI::App* command : root.get_subcommands(nullptr))
    commands.push_back(CommandOf(*command));
  return commands;
}

std::string BashCompletion(const std::vector<CompletionCommand>& commands) {
  std::string text =
      "# bash completion of itemgate\n"
      "_itemgate() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n";
  text += fmt::format("    COMPREPLY=($(compgen -W '{} --help --version' -- \"$current\"))\n",
                      Names(commands));
  text +=
      "    return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]} in\n";
  for (const CompletionCommand& command : commands) text += BashCommandCase(command);
  return text +
         "  esac\n"
         "}\n"
         "complete -o filenames -o bashdefault -F _itemgate itemgate\n";
}

std::string ZshCompletion(const std::vector<CompletionCommand>& commands) {
  std::string text =
      "#compdef itemgate\n"
      "_itemgate() {\n"
      "  local state line\n"
      "  _arguments -C '1:command:->command' '*::argument:->argument'\n"
      "  case $state in\n"
      "    command)\n"
      "      local -a commands=(\n";
  for (const CompletionCommand& command : commands)
    text += fmt::format("        '{}:{}'\n", command.name, Plain(command.help));
  text +=
      "      )\n"
      "      _describe command commands ;;\n"
      "    argument)\n"
      "      case $line[1] in\n";
  for (const CompletionCommand& command : commands) text += ZshCommandCase(command);
  return text +
         "      esac ;;\n"
         "  esac\n"
         "}\n"
         "compdef _itemgate itemgate\n";
}

std::string FishCompletion(const std::vector<CompletionCommand>& commands) {
  std::string text = "# fish completion of itemgate\n";
  for (const CompletionCommand& command : commands) {
    text += fmt::format("complete -c itemgate -n __fish_use_subcommand -f -a {} -d '{}'\n",
                        command.name, Plain(command.help));
    for (const CompletionOption& option : command.options) text += FishOption(command, option);
    if (command.argument.kind == Kind::kFile) continue;
    text +=
        fmt::format("complete -c itemgate -n '__fish_seen_subcommand_from {}' -f", command.name);
    if (command.argument.kind == Kind::kOneOf)
      text += fmt::format(" -a '{}'", fmt::join(command.argument.choices, " "));
    text += "\n";
  }
  return text;
}

}  // namespace itemgate::cli
