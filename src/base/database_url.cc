#include "base/database_url.h"

#include <algorithm>

namespace itemgate {

bool IsPostgresUrl(std::string_view text) {
  return text.starts_with("postgres://") || text.starts_with("postgresql://");
}

std::string WithoutPassword(std::string_view url) {
  std::string shown(url);
  if (!IsPostgresUrl(url)) return shown;
  const std::size_t user = shown.find("://") + 3;
  const std::size_t at = shown.substr(0, shown.find_first_of("/?", user)).find('@', user);
  const std::size_t colon = shown.find(':', user);
  if (at != std::string::npos && colon < at) shown.erase(colon, at - colon);

  constexpr std::string_view kParameter = "password=";
  for (std::size_t found = shown.find(kParameter); found != std::string::npos;
       found = shown.find(kParameter, found)) {
    found += kParameter.size();
    const std::size_t end = std::min(shown.find('&', found), shown.size());
    shown.replace(found, end - found, "hidden");
  }
  return shown;
}

}  // namespace itemgate
