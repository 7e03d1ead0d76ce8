#include "server/target.h"

#include <algorithm>
#include <charconv>

namespace itemgate::server {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::unexpected<Problem> Refuse(std::string detail) {
  return std::unexpected(
      Problem{.code = ProblemCode::kInvalidArgument, .detail = std::move(detail)});
}

std::unexpected<Problem> RefuseScope(const Error& error, std::string_view where) {
  Problem problem = ProblemOf(error);
  problem.detail = std::string(where).append(": ").append(problem.detail);
  return std::unexpected(std::move(problem));
}

bool Knows(std::span<const Parameter> parameters, std::string_view name) {
  return std::ranges::any_of(parameters, [name](const Parameter& parameter) {
    return parameter.place == ParameterPlace::kQuery && parameter.name == name;
  });
}

std::string NamesOf(std::span<const Parameter> parameters) {
  std::string text;
  for (const Parameter& parameter : parameters) {
    if (parameter.place == ParameterPlace::kQuery)
      text.append(text.empty() ? "" : ", ").append(parameter.name);
  }
  return text.empty() ? "none" : text;
}

}  // namespace

std::expected<Digest, Problem> ParseDigest(std::string_view part) {
  Result<Digest> digest = Digest::FromHex(PercentDecoded(part).value_or(""));
  if (!digest) return Refuse("the digest must be 64 hexadecimal digits");
  return *digest;
}

std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexValue(text[i + 1]);
    const int low = HexValue(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::expected<Scope, Problem> ScopeNamed(std::string_view name, std::string_view where) {
  const Result<Scope> scope = Scope::Named(name);
  if (scope) return *scope;
  return RefuseScope(scope.error(), where);
}

std::expected<ScopeLoan, Problem> ScopeToRead(std::string_view name, std::string_view where) {
  Result<ScopeLoan> scope = ScopeLoan::Named(name);
  if (scope) return std::move(*scope);
  return RefuseScope(scope.error(), where);
}

std::expected<Query, Problem> Query::Parse(std::string_view query,
                                           std::span<const Parameter> known) {
  Query parsed;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    auto name = PercentDecoded(part.substr(0, equals));
    auto value = PercentDecoded(part.substr(std::min(part.size(), equals + 1)));
    if (!name || !value)
      return Refuse(
          "the query has a '%' without two hexadecimal digits behind it; encode it as %25");
    if (!Knows(known, *name))
      return Refuse("the query has a parameter that is not known here; known are: " +
                    NamesOf(known));
    if (parsed.Find(*name)) return Refuse("the query has '" + *name + "' twice; give it once");
    parsed.parameters_.emplace_back(std::move(*name), std::move(*value));
  }
  return parsed;
}

std::optional<std::string_view> Query::Find(std::string_view name) const {
  for (const auto& [known, value] : parameters_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::expected<std::uint64_t, Problem> Query::Number(std::string_view name,
                                                    NumberBounds bounds) const {
  const auto text = Find(name);
  if (!text) return bounds.otherwise;
  const auto number = ParseNumber(*text);
  if (number && *number >= bounds.min && *number <= bounds.max) return *number;
  return Refuse(std::string("the parameter '")
                    .append(name)
                    .append("' must be a whole number from ")
                    .append(std::to_string(bounds.min))
                    .append(" to ")
                    .append(std::to_string(bounds.max)));
}

std::expected<bool, Problem> Query::Flag(std::string_view name, bool otherwise) const {
  const auto text = Find(name);
  if (!text) return otherwise;
  if (*text == "true" || *text == "false") return *text == "true";
  return Refuse(std::string("the parameter '").append(name).append("' must be true or false"));
}

}  // namespace itemgate::server
