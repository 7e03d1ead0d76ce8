// Whatever bytes come as a batch: no crash; taken apart in random pieces they give the same items and refusals as in
// one piece; no item is empty or too long; and what was read from a line is read again from one that describes it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "base/random.h"
#include "base/utf8.h"
#include "property.h"
#include "server/batch_codec.h"

namespace itemgate::server {
namespace {

constexpr std::size_t kBytesMax =
    200;  // of a line and of a content: small, so that the limits are reached

/// An item or a refusal, in one comparable form.
struct Seen {
  std::string content;
  std::string scope;
  std::string media_type;
  std::string refusal;

  friend bool operator==(const Seen&, const Seen&) = default;
};

class Collector final : public BatchSink {
 public:
  void ItemArrived(ItemDescription item) override {
    Require(!item.content.empty(), "no item is empty");
    Require(item.content.size() <= kBytesMax, "no item is longer than allowed");
    seen.push_back({.content = std::move(item.content),
                    .scope = std::string(item.scope.name()),
                    .media_type = std::move(item.media_type)});
  }
  void ItemRefused(Problem problem) override {
    Require(!problem.detail.empty(), "a refusal says why");
    seen.push_back(
        {.refusal = std::string(KindOf(problem.code).name).append(" ").append(problem.detail)});
  }

  std::vector<Seen> seen;
};

std::vector<Seen> ReadAtOnce(BatchReader& reader, std::string_view body) {
  Collector collector;
  reader.Read(body, collector);
  reader.End(collector);
  return std::move(collector.seen);
}

std::vector<Seen> ReadInPieces(BatchReader& reader, std::string_view body, Random& random) {
  Collector collector;
  const std::size_t piece_max = 1 + random.Below(1 + random.Below(64));
  while (!body.empty()) {
    const std::string piece(body.substr(0, random.Below(piece_max + 1)));  // on its own, for ASan
    body.remove_prefix(piece.size());
    reader.Read(piece, collector);
  }
  reader.End(collector);
  return std::move(collector.seen);
}

ByteBudget gathered(64 << 20);  // more than any input can take

NdjsonReader NewNdjsonReader() { return {Scope(), kBytesMax, gathered}; }
BatchFrameReader NewFrameReader() {
  return {{.scope = Scope(), .media_type = "a/b", .content_bytes_max = kBytesMax}, gathered};
}

void CheckRoundTrip(const Seen& seen) {
  if (!seen.refusal.empty() || !IsUtf8(seen.content)) return;
  JsonWriter json;
  json.BeginObject()
      .Field("mediaType", seen.media_type)
      .Field("content", seen.content)
      .Field("scope", seen.scope)
      .EndObject();
  const auto again = ItemDescriptionReader(Scope()).Read(json.Take());
  Require(again.has_value(), "an item that was read can be described");
  Require(again->content == seen.content, "its description has the same content");
  Require(again->media_type == seen.media_type, "and the same media type");
  Require(again->scope.name() == seen.scope, "and the same scope");
}

void Examine(std::string_view body) {
  Random random(body.size() * 31 + (body.empty() ? 0 : static_cast<unsigned char>(body.back())));
  NdjsonReader lines = NewNdjsonReader();
  NdjsonReader pieces_of_lines = NewNdjsonReader();
  const std::vector<Seen> seen = ReadAtOnce(lines, body);
  Require(ReadInPieces(pieces_of_lines, body, random) == seen, "lines do not depend on pieces");
  for (const Seen& each : seen) CheckRoundTrip(each);

  BatchFrameReader frames = NewFrameReader();
  BatchFrameReader pieces_of_frames = NewFrameReader();
  Require(ReadInPieces(pieces_of_frames, body, random) == ReadAtOnce(frames, body),
          "frames do not depend on pieces");
}

}  // namespace
}  // namespace itemgate::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  itemgate::server::Examine({reinterpret_cast<const char*>(data), size});
  return 0;
}
