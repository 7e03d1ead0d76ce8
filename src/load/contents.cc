#include "load/contents.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace itemgate::load {
namespace {

constexpr std::size_t kMadeBytesMax = 32 << 20;  // more is made anew each time
constexpr std::size_t kNumberAt = 8;             // the digits of the field "sku"

/// Eight hexadecimal digits.
void WriteNumber(std::uint32_t number, std::span<char> out) {
  for (std::size_t i = 0; i < 8; ++i) out[i] = "0123456789abcdef"[(number >> (28 - 4 * i)) & 15];
}

}  // namespace

Contents::Contents(const ContentOptions& options) : options_(options) {
  ITEMGATE_CHECK(options_.bytes >= kLoadContentBytesMin);
  std::string any(options_.bytes, ' ');
  Make(0, any);
  for (std::size_t i = 0; i < any.size(); ++i)
    if (any[i] == '"') quotes_.push_back(i);
  if (options_.distinct == 0) {
    stream_ = MakeStream(options_.workload, options_.stream_items);
  } else if (options_.distinct * options_.bytes <= kMadeBytesMax) {
    made_.resize(options_.distinct * options_.bytes);
    for (std::uint32_t number = 0; number < options_.distinct; ++number)
      Make(number, std::span(made_).subspan(number * options_.bytes, options_.bytes));
  }
}

std::optional<std::uint32_t> Contents::NumberAt(std::size_t place) const {
  if (options_.distinct > 0) return static_cast<std::uint32_t>(place % options_.distinct);
  if (place >= stream_.size()) return std::nullopt;
  return stream_[place];
}

void Contents::Append(std::uint32_t number, std::string& out) const {
  if (!made_.empty()) {
    out.append(made_, number * options_.bytes, options_.bytes);
    return;
  }
  const std::size_t at = out.size();
  out.resize(at + options_.bytes);
  Make(number, std::span(out).subspan(at));
}

void Contents::AppendJson(std::string_view content, std::string& out) const {
  const std::size_t first = out.size();
  out.resize(first + content.size() + quotes_.size() + 2);
  char* to = &out[first];
  *to++ = '"';
  std::size_t copied = 0;
  for (const std::size_t quote : quotes_) {
    to = std::copy(content.begin() + copied, content.begin() + quote, to);
    *to++ = '\\';
    copied = quote;
  }
  to = std::copy(content.begin() + copied, content.end(), to);
  *to = '"';
}

std::uint64_t Contents::CountDistinct(std::span<const std::size_t> taken) const {
  std::vector<bool> seen(options_.distinct > 0 ? options_.distinct : stream_.size());
  std::uint64_t distinct = 0;
  for (std::size_t first = 0; first < taken.size(); ++first) {
    const std::size_t count = options_.distinct > 0
                                  ? std::min<std::size_t>(taken[first], options_.distinct)
                                  : taken[first];
    for (std::size_t i = 0; i < count; ++i) {
      const auto number = NumberAt(first + i * taken.size());
      if (!number || seen[*number]) continue;
      seen[*number] = true;
      ++distinct;
    }
  }
  return distinct;
}

void Contents::Make(std::uint32_t number, std::span<char> content) const {
  std::array<char, kContentBytes> pattern;
  FillContent(number, pattern);
  if (options_.run != 0 || content.size() != kContentBytes) {
    // The run and the number, as they are: whatever the length, no two contents can be equal.
    WriteNumber(options_.run, std::span(pattern).subspan(kNumberAt, 8));
    WriteNumber(number, std::span(pattern).subspan(kNumberAt + 8, 8));
  }
  for (std::size_t at = 0; at < content.size(); at += kContentBytes)
    std::copy_n(pattern.data(), std::min(kContentBytes, content.size() - at), &content[at]);
}

}  // namespace itemgate::load
