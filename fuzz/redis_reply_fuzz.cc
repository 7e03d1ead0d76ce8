// Whatever a server sends: it is read within the limits, and the same however the bytes are split.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "property.h"
#include "redis/reply_reader.h"

namespace {

using itemgate::redis::Replies;
using itemgate::redis::Reply;
using itemgate::redis::ReplyReader;

constexpr ReplyReader::Limits kLimits{.bulk_bytes_max = 100,
                                      .line_bytes_max = 60,
                                      .elements_max = 50,
                                      .nesting_max = 4,
                                      .replies_bytes_max = 4000};

/// Appends all that can be seen of the replies; tells how many they are, at all levels.
std::size_t Show(const Replies& replies, std::size_t depth, std::string& shown) {
  itemgate::Require(replies.empty() || depth <= kLimits.nesting_max,
                    "arrays are nested within their limit");
  std::size_t count = 0;
  for (const Reply& reply : replies) {
    shown += static_cast<char>('a' + static_cast<int>(reply.type()));
    shown.append(reply.text()).append(std::to_string(reply.integer())).append("(");
    itemgate::Require(reply.text().size() <= kLimits.bulk_bytes_max, "a text is within its limit");
    count += 1 + Show(reply.elements(), depth + 1, shown);
    shown += ')';
  }
  return count;
}

/// All that was read, two replies together, in pieces of that size.
std::string Read(std::string_view bytes, std::size_t piece) {
  ReplyReader reader(kLimits);
  std::string shown;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    const std::string_view part = bytes.substr(0, piece);
    std::ranges::copy(part, reader.Space(part.size()).begin());
    reader.Add(part.size());
    while (true) {
      const auto replies = reader.Next(2);
      if (!replies) return shown + "!";
      if (!*replies) break;
      itemgate::Require(Show(**replies, 0, shown) <= kLimits.elements_max,
                        "elements are within their limit");
      shown += ';';
    }
  }
  return shown;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const std::string whole = Read(bytes, bytes.size());
  itemgate::Require(Read(bytes, 1) == whole, "split into bytes, it reads the same");
  itemgate::Require(Read(bytes, 3) == whole, "split into threes, it reads the same");
  return 0;
}
