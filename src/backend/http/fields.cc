#include "backend/http/fields.h"

#include <algorithm>
#include <array>
#include <optional>

#include "http/ascii.h"

namespace itemgate {
namespace {

constexpr std::size_t kBytesMax = 16 << 10;  // as much as many servers take

/// What each request says itself, and what would change how it is read.
constexpr auto kOwnNames = std::to_array<std::string_view>(
    {"Connection", "Content-Digest", "Content-Encoding", "Content-Length", "Content-Type", "Expect",
     "Host", "Idempotency-Key", "Item-Scope", "Keep-Alive", "Proxy-Connection", "Repr-Digest", "TE",
     "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent"});

bool IsName(std::string_view text) {
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kSigns.contains(c);
  });
}

std::string_view WithoutSpace(std::string_view text) {
  while (text.ends_with(' ')) text.remove_suffix(1);
  while (text.starts_with(' ')) text.remove_prefix(1);
  return text;
}

/// What is wrong with the line, if anything.
std::optional<std::string> Fault(std::string_view name, std::string_view value) {
  if (!IsName(name) || value.empty())
    return "is no header; write \"Name: value\", such as \"Authorization: Bearer TOKEN\"";
  if (!std::ranges::all_of(value, [](char c) { return c >= ' ' && c < 0x7F; }))
    return "has a character that cannot stand in a header";
  const bool is_own = std::ranges::any_of(
      kOwnNames, [&](std::string_view own) { return http::EqualsIgnoringCase(own, name); });
  if (is_own) return "sets a header that each request has itself; leave it out";
  return std::nullopt;
}

}  // namespace

Result<std::string> ParseBackendFields(std::string_view text) {
  std::string fields;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (WithoutSpace(line).empty()) continue;
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = WithoutSpace(line.substr(std::min(colon + 1, line.size())));
    if (const auto fault = Fault(name, value))
      return Fail(ErrorCode::kInvalidArgument, "line " + std::to_string(number) + " " + *fault);
    fields.append(name).append(": ").append(value).append("\r\n");
  }
  if (fields.empty()) return Fail(ErrorCode::kInvalidArgument, "there is no header in it");
  if (fields.size() > kBytesMax)
    return Fail(ErrorCode::kInvalidArgument, "its headers are longer than 16 KiB");
  return fields;
}

}  // namespace itemgate
