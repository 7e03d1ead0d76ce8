#include "redis/acl.h"

#include <algorithm>

namespace itemgate::redis {
namespace {

template <typename Element>
void AddMissing(std::vector<Element>& all, const std::vector<Element>& more) {
  for (const Element& one : more)
    if (std::ranges::find(all, one) == all.end()) all.push_back(one);
}

/// A word of the line, which is split at spaces and knows quotes.
Result<void> CheckWord(std::string_view what, std::string_view word) {
  const bool is_fine = std::ranges::all_of(
      word, [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\''; });
  if (is_fine && !word.empty()) return {};
  return Fail(ErrorCode::kInvalidArgument,
              std::string(what) + " of an ACL is one word of ASCII, without quotes");
}

}  // namespace

void AclNeeds::Add(const AclNeeds& more) {
  AddMissing(keys, more.keys);
  AddMissing(channels, more.channels);
  AddMissing(commands, more.commands);
}

std::string PatternOf(std::string_view prefix) {
  std::string pattern;
  for (const char c : prefix) {
    if (std::string_view("*?[\\").contains(c)) pattern += '\\';
    pattern += c;
  }
  return pattern + "*";
}

AclNeeds ConnectionNeeds(AclPlace place) {
  AclNeeds needs{.commands = {"ping", "client|setname"}};
  if (place == AclPlace::kGroupMember) needs.commands.emplace_back("role");
  if (place == AclPlace::kClusterNode) needs.Add({.commands = {"cluster|slots", "asking"}});
  if (place == AclPlace::kSentinel)
    needs.Add({.channels = {"+switch-master"}, .commands = {"sentinel|master", "subscribe"}});
  return needs;
}

Result<std::string> AclLine(std::string_view user, const AclNeeds& needs) {
  if (auto checked = CheckWord("the user", user); !checked) return std::unexpected(checked.error());
  std::string line = "user " + std::string(user) + " reset on >PASSWORD resetchannels";
  for (const auto& [sign, patterns] : {std::pair(" ~", &needs.keys), {" &", &needs.channels}}) {
    for (const std::string& pattern : *patterns) {
      if (auto checked = CheckWord("a pattern", pattern); !checked)
        return std::unexpected(checked.error());
      line += sign + pattern;
    }
  }
  for (const std::string_view command : needs.commands) line.append(" +").append(command);
  return line;
}

}  // namespace itemgate::redis
