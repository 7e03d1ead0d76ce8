#include "itemgate/client.h"

#include <cstdio>
#include <string_view>

// Saves contents through a server that was started with `itemgate serve`, from any machine that reaches it:
//   client http://127.0.0.1:8080 first second first
int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s URL CONTENT...\n", argv[0]);
    return 2;
  }
  const auto made = itemgate::Client::Make({.url = argv[1]});
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    return 2;
  }
  itemgate::Client& client = **made;

  // What fails on the way is sent again, and can never make a second item: the content is its own identity.
  for (int i = 2; i < argc; ++i) {
    const itemgate::SaveResult result = client.SaveItem(argv[i], {.media_type = "text/plain"});
    std::printf("%s\n", result.message().c_str());
    if (!result.saved()) return 1;
  }
}
