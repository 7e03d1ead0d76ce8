#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace itemgate::cli {

/// What a shell can offer behind an option, or in the place of an argument.
struct CompletionValue {
  enum class Kind {
    kNone,  // it is a switch, or nothing can be offered
    kFree,  // some text
    kFile,
    kFolder,
    kOneOf,
  };

  Kind kind = Kind::kNone;
  std::vector<std::string> choices;  // of kOneOf
};

struct CompletionOption {
  std::vector<std::string> names;  // with their dashes
  std::string help;
  CompletionValue value;
};

struct CompletionCommand {
  std::string name;
  std::string help;
  std::vector<CompletionOption> options;
  CompletionValue argument;
};

/// The commands and options of a program, as its parser has them.
[[nodiscard]] std::vector<CompletionCommand> CompletionOf(const CLI::App& root);

/// Scripts for the shells, each to be sourced or put where the shell looks for it.
[[nodiscard]] std::string BashCompletion(const std::vector<CompletionCommand>& commands);
[[nodiscard]] std::string ZshCompletion(const std::vector<CompletionCommand>& commands);
[[nodiscard]] std::string FishCompletion(const std::vector<CompletionCommand>& commands);

}  // namespace itemgate::cli
