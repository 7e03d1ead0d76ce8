// Whatever a server sends: it is read within the limits, and the same however the bytes are split.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/response_parser.h"
#include "property.h"

namespace {

using itemgate::http::ResponseParser;

constexpr std::size_t kBodyBytesMax = 1000;

/// What was read: how far, and everything that a client can see.
struct Reading {
  Reading(std::string_view bytes, std::size_t piece)
      : parser({.head_bytes_max = 500, .body_bytes_max = kBodyBytesMax}) {
    while (taken < bytes.size() && !parser.is_complete()) {
      const auto fed = parser.Feed(bytes.substr(taken, piece));
      if (!fed) {
        failed = true;
        return;
      }
      taken += *fed;
    }
    if (!parser.is_complete()) ended = parser.FeedEnd().has_value();
  }

  ResponseParser parser;
  std::size_t taken = 0;
  bool failed = false;
  bool ended = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Reading whole(bytes, bytes.size());
  const ResponseParser& parser = whole.parser;
  itemgate::Require(parser.body().size() <= kBodyBytesMax, "a body is within its limit");
  if (!parser.is_complete()) return 0;
  itemgate::Require(parser.has_head() && parser.status() / 100 != 1, "what is complete has a head");
  const Reading split(bytes, 1);
  itemgate::Require(split.parser.is_complete(), "split, it is complete as well");
  itemgate::Require(split.taken == whole.taken, "split, it ends at the same byte");
  itemgate::Require(split.parser.body() == parser.body(), "split, it has the same body");
  itemgate::Require(split.parser.status() == parser.status(), "split, it has the same status");
  itemgate::Require(split.parser.keep_alive() == parser.keep_alive(), "split, it lives as long");
  itemgate::Require(split.parser.fields().size() == parser.fields().size(),
                    "split, it has the same fields");
  return 0;
}
