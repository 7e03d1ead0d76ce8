#include "client/batch.h"

#include <array>
#include <utility>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/json_writer.h"
#include "base/utf8.h"

namespace itemgate::client {
namespace {

constexpr std::size_t kRecordBytes = 12;
constexpr std::uint8_t kLastRecord = 255;

}  // namespace

void AppendFramed(std::string& out, std::string_view content) {
  std::array<char, sizeof(std::uint32_t)> length{};
  StoreLittle(length.data(), static_cast<std::uint32_t>(content.size()));
  out.append(length.data(), length.size()).append(content);
}

void AppendJsonLine(std::string& out, std::string_view content, std::string_view media_type) {
  constexpr std::string_view kEncoded = "{\"contentBase64\":\"";
  const std::size_t begin = out.size();
  const std::size_t encoded_bytes = kEncoded.size() + (content.size() + 2) / 3 * 4 + 1;
  const bool is_text = IsUtf8(content);
  if (is_text) {
    out.append("{\"content\":");
    AppendJsonString(out, content);
  }
  if (!is_text || out.size() - begin > encoded_bytes) {
    out.resize(begin);
    out.append(kEncoded).append(Base64(content)).append("\"");
  }
  if (!media_type.empty()) {
    out.append(",\"mediaType\":");
    AppendJsonString(out, media_type);
  }
  out.append("}\n");
}

void BatchAnswer::Feed(std::string_view piece) {
  if (error_ || is_complete_) return;
  unread_.append(piece);
  if (framing_ == Framing::kFramed) {
    FeedRecords();
  } else {
    FeedLines();
  }
}

void BatchAnswer::FeedRecords() {
  std::string_view rest = unread_;
  for (; rest.size() >= kRecordBytes && !is_complete_; rest.remove_prefix(kRecordBytes)) {
    const auto outcome = static_cast<std::uint8_t>(rest[0]);
    if (outcome == kLastRecord) {
      is_complete_ = true;
      continue;
    }
    if (outcome > static_cast<std::uint8_t>(Outcome::kUnavailable)) {
      error_.emplace(ErrorCode::kUnsupported,
                     "not the answer of an Itemgate server of this version: outcome");
      return;
    }
    take_({.index = index_++,
           .status = LoadLittle<std::uint16_t>(rest.data() + 2),
           .result = {.outcome = Outcome{outcome},
                      .joined = (rest[1] & 1) != 0,
                      .id = ItemId{LoadLittle<std::uint64_t>(rest.data() + 4)}}});
  }
  unread_.erase(0, unread_.size() - rest.size());
}

void BatchAnswer::FeedLines() {
  std::string_view rest = unread_;
  for (std::size_t end; !is_complete_ && (end = rest.find('\n')) != std::string_view::npos;
       rest.remove_prefix(end + 1)) {
    auto line = ParseBatchLine(rest.substr(0, end));
    if (!line) {
      error_ = std::move(line.error());
      return;
    }
    is_complete_ = line->done;
    if (!line->done) take_(*std::move(line));
  }
  unread_.erase(0, unread_.size() - rest.size());
}

}  // namespace itemgate::client
