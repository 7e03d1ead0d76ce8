#include "store/embedded/log_format.h"

#include <gtest/gtest.h>

#include "testing/store_conformance.h"

namespace itemgate::log_format {
namespace {

constexpr StoreId kStore{0x0123456789ABCDEF};
constexpr StoreId kOtherStore{1};

std::string RecordOf(std::string_view content, Scope scope = {}) {
  Insertion insertion = InsertionOf(content, scope);
  insertion.id = ItemId{7};
  std::string bytes;
  AppendRecord(bytes, insertion, WallTime(std::chrono::seconds(1'800'000'000)), kStore);
  return bytes;
}

std::string HexOf(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

TEST(LogFormat, ARecordGivesBackWhatWasPutIn) {
  const Scope scope = Scope::Named("orders").value();
  const std::string bytes = RecordOf("hello", scope);
  const auto record = ParseRecord(bytes, kStore);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->id, ItemId{7});
  EXPECT_EQ(record->content, "hello");
  EXPECT_EQ(record->media_type, "text/plain");
  EXPECT_EQ(record->key, MakeContentKey(scope, "hello").value());
  EXPECT_EQ(record->saved_at, WallTime(std::chrono::seconds(1'800'000'000)));
  EXPECT_EQ(record->bytes, bytes.size());
  EXPECT_EQ(bytes.size() % kAlignment, 0U);
}

// The worked example of docs/item-log-format.md.
TEST(LogFormat, TheBytesOfARecordAreThoseOfTheDocument) {
  EXPECT_EQ(HexOf(RecordOf("hello")).substr(8),
            "05000000"                                                          // content_length
            "0700000000000000"                                                  // id
            "0080982817650600"                                                  // saved_at
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  // digest
            "05000000"                                                          // key_length
            "00"                                                                // scope_length
            "0a"                                                                // media_type_length
            "0000"                                                              // zeros
            "746578742f706c61696e"                                              // text/plain
            "68656c6c6f"                                                        // hello
            "00");                                                              // padding
}

TEST(LogFormat, TheBytesOfASealAreThoseOfTheDocument) {
  EXPECT_EQ(HexOf(MakeSeal(kStore, ItemId{7}, 0xB0, 5, std::string_view("\x0C\0\0\0", 4))),
            "0c000000"            // the table
            "4954454d5345414c"    // ITEMSEAL
            "a93bc22f"            // checksum
            "01000000"            // version
            "efcdab8967452301"    // store id
            "0700000000000000"    // first id
            "0100000000000000"    // count
            "b000000000000000"    // frames_end
            "73b81567"            // table_checksum
            "00000000"            // zeros
            "0500000000000000");  // content_bytes
}

TEST(LogFormat, NoRecordSurvivesTheChangeOfOneBit) {
  std::string bytes = RecordOf("hello");
  const std::size_t covered = bytes.size() - 1;  // the last byte is padding
  for (std::size_t bit = 0; bit < covered * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(ParseRecord(bytes, kStore)) << "bit " << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
}

TEST(LogFormat, NoRecordSurvivesBeingCutOff) {
  const std::string bytes = RecordOf("hello");
  for (std::size_t size = 0; size + 1 < bytes.size(); ++size)
    EXPECT_FALSE(ParseRecord(std::string_view(bytes).substr(0, size), kStore)) << size;
}

TEST(LogFormat, NothingOfAnotherStoreIsAccepted) {
  const auto view = [](const auto& header) {
    return std::string_view(reinterpret_cast<const char*>(&header), sizeof header);
  };
  const SegmentHeader segment = MakeSegmentHeader(kStore, ItemId{1});
  const FrameHeader frame = MakeFrameHeader(kStore, ItemId{1}, 1, "records");
  const std::string seal = MakeSeal(kStore, ItemId{1}, 640, 5, "1234");
  EXPECT_TRUE(ParseSegmentHeader(view(segment), kStore));
  EXPECT_TRUE(ParseFrameHeader(view(frame), kStore));
  EXPECT_TRUE(ParseTrailer(seal, kStore));
  EXPECT_FALSE(ParseRecord(RecordOf("hello"), kOtherStore));
  EXPECT_FALSE(ParseSegmentHeader(view(segment), kOtherStore));
  EXPECT_FALSE(ParseFrameHeader(view(frame), kOtherStore));
  EXPECT_FALSE(ParseTrailer(seal, kOtherStore));
}

TEST(LogFormat, AFrameKnowsItsRecords) {
  const FrameHeader header = MakeFrameHeader(kStore, ItemId{1}, 1, "records");
  EXPECT_TRUE(FrameIsWhole(header, "records", kStore));
  EXPECT_FALSE(FrameIsWhole(header, "Records", kStore));
  EXPECT_FALSE(FrameIsWhole(header, "record", kStore));
}

TEST(LogFormat, ASealKnowsItsOffsetTable) {
  const std::string seal = MakeSeal(kStore, ItemId{1}, 640, 5, "12345678");
  const auto trailer = ParseTrailer(seal, kStore);
  ASSERT_TRUE(trailer);
  EXPECT_EQ(trailer->count, 2U);
  EXPECT_EQ(trailer->frames_end, 640U);
  EXPECT_EQ(trailer->content_bytes, 5U);
  EXPECT_TRUE(TableIsIntact(*trailer, "12345678"));
  EXPECT_FALSE(TableIsIntact(*trailer, "12345679"));
  EXPECT_FALSE(TableIsIntact(*trailer, "1234"));
}

}  // namespace
}  // namespace itemgate::log_format
