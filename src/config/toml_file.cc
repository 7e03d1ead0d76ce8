#include "config/toml_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

namespace itemgate::config {
namespace {

int LineOf(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

std::optional<std::string> TextOf(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point()) {
    std::ostringstream out;
    out << number->get();
    return out.str();
  }
  return std::nullopt;
}

std::optional<std::vector<std::string>> TextsOf(const toml::node& node) {
  std::vector<std::string> texts;
  if (const auto* array = node.as_array()) {
    for (const toml::node& element : *array) {
      auto text = TextOf(element);
      if (!text) return std::nullopt;
      texts.push_back(std::move(*text));
    }
    return texts;
  }
  auto text = TextOf(node);
  if (!text) return std::nullopt;
  texts.push_back(std::move(*text));
  return texts;
}

/// The values below `table`, whose dotted name with a dot behind it is `prefix`. Nested no deeper than the parser
/// allows, which limits it.
std::optional<SyntaxError> Collect(const toml::table& table, const std::string& prefix,
                                   std::vector<FileEntry>& entries) {
  for (const auto& [name, node] : table) {
    std::string key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table()) {
      if (auto error = Collect(*inner, key + ".", entries)) return error;
      continue;
    }
    auto texts = TextsOf(node);
    if (!texts) return SyntaxError{key + ": no setting has a value of this kind", LineOf(node)};
    entries.push_back({std::move(key), std::move(*texts), LineOf(node)});
  }
  return std::nullopt;
}

}  // namespace

std::expected<std::vector<FileEntry>, SyntaxError> ReadToml(std::string_view text) {
  std::vector<FileEntry> entries;
  try {
    const toml::table parsed = toml::parse(text);
    if (auto error = Collect(parsed, "", entries)) return std::unexpected(std::move(*error));
  } catch (const toml::parse_error& error) {
    return std::unexpected(
        SyntaxError{std::string(error.description()), static_cast<int>(error.source().begin.line)});
  }
  std::ranges::stable_sort(entries, {}, &FileEntry::line);
  return entries;
}

}  // namespace itemgate::config
