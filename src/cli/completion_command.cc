#include <memory>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/completion.h"

namespace itemgate::cli {
namespace {

ExitStatus RunCompletion(Context& context, const CLI::App& root, const std::string& shell) {
  const auto commands = CompletionOf(root);
  context.out().Print(shell == "bash"  ? BashCompletion(commands)
                      : shell == "zsh" ? ZshCompletion(commands)
                                       : FishCompletion(commands));
  return ExitStatus::kOk;
}

}  // namespace

void AddCompletionCommand(CLI::App& root, Context& context) {
  // Shared by the parser, which fills it, and the command, which reads it.
  const auto shell = std::make_shared<std::string>();
  CLI::App& command = AddCommand(
      root, context,
      {.name = "completion",
       .summary = "Print a script that completes commands and options in a shell",
       .examples =
           "  source <(itemgate completion bash)                                  in ~/.bashrc\n"
           "  source <(itemgate completion zsh)                                   in ~/.zshrc\n"
           "  itemgate completion fish > ~/.config/fish/completions/itemgate.fish\n"},
      [&context, &root, shell] { return RunCompletion(context, root, *shell); });
  command.add_option("SHELL", *shell, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("");
}

}  // namespace itemgate::cli
