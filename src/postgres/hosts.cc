#include "postgres/hosts.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace itemgate::postgres {
namespace {

std::size_t CountOf(std::string_view list) {
  return static_cast<std::size_t>(std::ranges::count(list, ',')) + 1;
}

/// REQUIRES: the list has more elements than that.
std::string Rotated(std::string_view list, std::size_t first) {
  std::size_t begin = 0;
  for (; first > 0; --first) begin = list.find(',', begin) + 1;
  if (begin == 0) return std::string(list);
  return std::string(list.substr(begin)) + "," + std::string(list.substr(0, begin - 1));
}

}  // namespace

Result<Hosts> HostsFrom(const std::string& url, std::size_t first) {
  char* reason = nullptr;
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(url.c_str(), &reason), &PQconninfoFree);
  const std::unique_ptr<char, void (*)(void*)> owned_reason(reason, &PQfreemem);
  if (parsed == nullptr) {
    std::string text = reason == nullptr ? "out of memory" : reason;
    while (text.ends_with('\n')) text.pop_back();
    return Fail(ErrorCode::kInvalidArgument, "this is not the URL of a database: " + text);
  }
  Hosts hosts;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    if (option->val == nullptr) continue;
    if (keyword == "host") hosts.names = option->val;
    if (keyword == "hostaddr") hosts.addresses = option->val;
    if (keyword == "port") hosts.ports = option->val;
  }
  hosts.count = CountOf(hosts.addresses.empty() ? hosts.names : hosts.addresses);
  for (std::string* list : {&hosts.names, &hosts.addresses, &hosts.ports}) {
    if (CountOf(*list) == hosts.count) *list = Rotated(*list, first % hosts.count);
  }
  return hosts;
}

}  // namespace itemgate::postgres
