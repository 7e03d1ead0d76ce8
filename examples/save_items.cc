#include <cstdio>

#include "itemgate/itemgate.h"

int main() {
  const auto opened = itemgate::Open({.directory = "items"});
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return 1;
  }
  itemgate::ItemIntegrationService& service = (*opened)->service();

  // From any thread, as often as you like: each distinct content is saved once, and every answer carries its id.
  for (const char* content : {"first", "second", "first"}) {
    const itemgate::SaveResult result = service.SaveItem(content);
    std::printf("%-9s item %llu  %s\n", result.success() ? "new" : "not new",
                static_cast<unsigned long long>(result.id.value), result.message().c_str());
    if (!result.saved()) return 1;
  }
}
