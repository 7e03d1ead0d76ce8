#include "store/embedded/log_format.h"

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace itemgate::log_format {
namespace {

constexpr char kSegmentMagic[8] = {'I', 'T', 'E', 'M', 'L', 'O', 'G', '1'};
constexpr char kTrailerMagic[8] = {'I', 'T', 'E', 'M', 'S', 'E', 'A', 'L'};

std::uint32_t Checksum(std::string_view bytes, StoreId store) {
  return static_cast<std::uint32_t>(
      XXH3_64bits_withSeed(bytes.data(), bytes.size(), static_cast<std::uint64_t>(store)));
}

/// What lies behind the checksum field of a header.
template <typename Header>
std::string_view BytesBehindChecksum(const Header& header) {
  constexpr std::size_t kBehind = offsetof(Header, checksum) + sizeof header.checksum;
  return {reinterpret_cast<const char*>(&header) + kBehind, sizeof header - kBehind};
}

template <typename Header>
std::optional<Header> Load(std::string_view bytes) {
  if (bytes.size() < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

std::string_view ScopeOnDisk(Scope scope) { return scope.is_default() ? "" : scope.name(); }

}  // namespace

Item RecordView::ToItem() const {
  return {.id = id,
          .key = key,
          .content = std::string(content),
          .media_type = std::string(media_type),
          .saved_at = saved_at};
}

void AppendRecord(std::string& buffer, const Insertion& insertion, WallTime saved_at,
                  StoreId store) {
  const std::string_view scope = ScopeOnDisk(insertion.key.scope);
  RecordHeader header{
      .content_length = static_cast<std::uint32_t>(insertion.content.size()),
      .id = insertion.id.value,
      .saved_at = saved_at.time_since_epoch().count(),
      .key_length = insertion.key.length,
      .scope_length = static_cast<std::uint8_t>(scope.size()),
      .media_type_length = static_cast<std::uint8_t>(insertion.media_type.size()),
  };
  std::ranges::copy(insertion.key.digest.bytes, header.digest);

  const std::size_t start = buffer.size();
  buffer.append(reinterpret_cast<const char*>(&header), sizeof header)
      .append(scope)
      .append(insertion.media_type)
      .append(insertion.content);
  const std::string_view covered = std::string_view(buffer).substr(start + sizeof header.checksum);
  header.checksum = Checksum(covered, store);
  std::memcpy(&buffer[start], &header.checksum, sizeof header.checksum);
  buffer.append(AlignUp(buffer.size() - start) - (buffer.size() - start), '\0');
}

Result<RecordView> ParseRecord(std::string_view bytes, StoreId store) {
  const auto damaged = [] { return Fail(ErrorCode::kCorrupt, "a damaged record"); };
  const auto header = Load<RecordHeader>(bytes);
  if (!header) return damaged();
  const std::uint64_t size = sizeof *header + header->scope_length + header->media_type_length +
                             std::uint64_t{header->content_length};
  if (bytes.size() < size) return damaged();
  const std::string_view covered =
      bytes.substr(sizeof header->checksum, size - sizeof header->checksum);
  if (Checksum(covered, store) != header->checksum) return damaged();

  std::string_view rest = bytes.substr(sizeof *header);
  const auto take = [&rest](std::size_t length) {
    const std::string_view taken = rest.substr(0, length);
    rest.remove_prefix(length);
    return taken;
  };
  const std::string_view scope_name = take(header->scope_length);
  const Result<Scope> scope = scope_name.empty() ? Scope() : Scope::Named(scope_name);
  if (!scope) return std::unexpected(scope.error());

  RecordView record{.id = ItemId{header->id},
                    .key = {.length = header->key_length, .scope = *scope},
                    .saved_at = WallTime(std::chrono::microseconds(header->saved_at)),
                    .media_type = take(header->media_type_length),
                    .bytes = AlignUp(size)};
  record.content = take(header->content_length);
  std::ranges::copy(header->digest, record.key.digest.bytes.begin());
  return record;
}

SegmentHeader MakeSegmentHeader(StoreId store, ItemId first) {
  SegmentHeader header{
      .version = kVersion, .store_id = static_cast<std::uint64_t>(store), .first_id = first.value};
  std::ranges::copy(kSegmentMagic, header.magic);
  header.checksum = Checksum(BytesBehindChecksum(header), store);
  return header;
}

std::optional<SegmentHeader> ParseSegmentHeader(std::string_view bytes, StoreId store) {
  const auto header = Load<SegmentHeader>(bytes);
  if (!header || !std::ranges::equal(header->magic, kSegmentMagic) || header->version != kVersion ||
      header->store_id != static_cast<std::uint64_t>(store) ||
      header->checksum != Checksum(BytesBehindChecksum(*header), store))
    return std::nullopt;
  return header;
}

FrameHeader MakeFrameHeader(StoreId store, ItemId first, std::uint32_t count,
                            std::string_view records) {
  FrameHeader header{.magic = kFrameMagic,
                     .first_id = first.value,
                     .bytes = sizeof(FrameHeader) + records.size(),
                     .count = count,
                     .records_checksum = Checksum(records, store)};
  header.checksum = Checksum(BytesBehindChecksum(header), store);
  return header;
}

bool FrameIsWhole(const FrameHeader& header, std::string_view records, StoreId store) {
  return header.bytes == sizeof header + records.size() &&
         header.records_checksum == Checksum(records, store);
}

std::optional<FrameHeader> ParseFrameHeader(std::string_view bytes, StoreId store) {
  const auto header = Load<FrameHeader>(bytes);
  if (!header || header->magic != kFrameMagic ||
      header->checksum != Checksum(BytesBehindChecksum(*header), store))
    return std::nullopt;
  return header;
}

std::string MakeSeal(StoreId store, ItemId first, std::uint64_t frames_end,
                     std::uint64_t content_bytes, std::string_view offset_table) {
  SegmentTrailer trailer{.version = kVersion,
                         .store_id = static_cast<std::uint64_t>(store),
                         .first_id = first.value,
                         .count = offset_table.size() / sizeof(std::uint32_t),
                         .frames_end = frames_end,
                         .table_checksum = Checksum(offset_table, store),
                         .content_bytes = content_bytes};
  std::ranges::copy(kTrailerMagic, trailer.magic);
  trailer.checksum = Checksum(BytesBehindChecksum(trailer), store);
  std::string seal(offset_table);
  seal.append(reinterpret_cast<const char*>(&trailer), sizeof trailer);
  return seal;
}

std::optional<SegmentTrailer> ParseTrailer(std::string_view bytes, StoreId store) {
  if (bytes.size() < sizeof(SegmentTrailer)) return std::nullopt;
  const auto trailer = Load<SegmentTrailer>(bytes.substr(bytes.size() - sizeof(SegmentTrailer)));
  if (!trailer || !std::ranges::equal(trailer->magic, kTrailerMagic) ||
      trailer->version != kVersion || trailer->store_id != static_cast<std::uint64_t>(store) ||
      trailer->checksum != Checksum(BytesBehindChecksum(*trailer), store))
    return std::nullopt;
  return trailer;
}

bool TableIsIntact(const SegmentTrailer& trailer, std::string_view offset_table) {
  return trailer.count * sizeof(std::uint32_t) == offset_table.size() &&
         trailer.table_checksum == Checksum(offset_table, StoreId{trailer.store_id});
}

}  // namespace itemgate::log_format
