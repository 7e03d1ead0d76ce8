#include <array>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/command.h"
#include "cli/version.h"
#include "transfer/compress.h"

namespace itemgate::cli {
namespace {

std::string Compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

ExitStatus RunVersion(Context& context) {
  const std::array<std::string, 4> libraries{
      "CLI11 " CLI11_VERSION,
      fmt::format("fmt {}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100),
      ZlibVersion(), ZstdVersion()};
  if (context.options().json) {
    JsonWriter json;
    json.BeginObject().Field("version", Version()).Field("compiler", Compiler());
    json.Name("libraries").BeginArray();
    for (const std::string& library : libraries) json.Value(library);
    context.out().PrintLine(json.EndArray().EndObject().Take());
    return ExitStatus::kOk;
  }
  context.out().PrintLine(fmt::format("itemgate {}\nbuilt with {}", Version(), Compiler()));
  context.out().PrintLine(fmt::format("using {}", fmt::join(libraries, ", ")));
  return ExitStatus::kOk;
}

}  // namespace

void AddVersionCommand(CLI::App& root, Context& context) {
  AddCommand(root, context,
             {.name = "version",
              .summary = "Print the version, the compiler and the libraries",
              .examples = "  itemgate version\n  itemgate version --json\n"},
             [&context] { return RunVersion(context); });
}

}  // namespace itemgate::cli
