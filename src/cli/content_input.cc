#include "cli/content_input.h"

#include <unistd.h>

#include <memory>
#include <utility>

#include "transfer/descriptor_source.h"

namespace itemgate::cli {
namespace {

Result<std::string> ReadAll(Result<std::unique_ptr<DescriptorSource>> source,
                            const std::string& name, std::size_t bytes_max) {
  if (!source) return std::unexpected(source.error());
  auto content = ReadUpTo(**source, bytes_max);
  if (!content) return Fail(content.error().code, name + ": " + content.error().message);
  return content;
}

}  // namespace

Result<std::vector<std::string>> ReadContents(const Context& context,
                                              const ContentArguments& arguments) {
  const std::size_t bytes_max = context.options().item_bytes_max + 1;
  std::vector<std::string> texts = arguments.texts;
  if (texts.empty() && arguments.files.empty()) {
    if (::isatty(STDIN_FILENO) == 1)
      return Fail(ErrorCode::kInvalidArgument,
                  "no content given: name it, or - for standard input");
    texts.emplace_back("-");
  }
  std::vector<std::string> contents;
  for (std::string& text : texts) {
    if (text != "-") {
      contents.push_back(std::move(text));
      continue;
    }
    auto content = ReadAll(DescriptorSource::StandardInput(), "standard input", bytes_max);
    if (!content) return std::unexpected(content.error());
    contents.push_back(*std::move(content));
  }
  for (const std::string& file : arguments.files) {
    auto content = ReadAll(DescriptorSource::Open(file), file, bytes_max);
    if (!content) return std::unexpected(content.error());
    contents.push_back(*std::move(content));
  }
  return contents;
}

}  // namespace itemgate::cli
