#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/random.h"
#include "transfer/compress.h"
#include "transfer/decompress.h"

namespace itemgate {
namespace {

class TextSource final : public ByteSource {
 public:
  /// Counts what was read in `*bytes_read`, if that is not null.
  TextSource(std::string text, std::size_t piece_bytes, std::uint64_t* bytes_read = nullptr)
      : text_(std::move(text)), piece_bytes_(piece_bytes), bytes_read_(bytes_read) {}
  Result<std::size_t> Read(std::span<char> buffer) override {
    const std::size_t n = std::min({piece_bytes_, buffer.size(), text_.size() - used_});
    std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(used_), n, buffer.begin());
    used_ += n;
    if (bytes_read_ != nullptr) *bytes_read_ = used_;
    return n;
  }
  [[nodiscard]] std::uint64_t BytesUsed() const override { return used_; }

 private:
  std::string text_;
  std::size_t piece_bytes_;
  std::uint64_t* bytes_read_;
  std::size_t used_ = 0;
};

class TextSink final : public ByteSink {
 public:
  Result<void> Write(std::string_view bytes) override {
    text += bytes;
    return {};
  }
  Result<void> Flush() override { return {}; }
  Result<void> Finish() override { return {}; }

  std::string text;
};

std::string Encode(Compression compression, std::string_view text) {
  TextSink sink;
  const auto encoder = Compressed(compression, sink);
  EXPECT_TRUE(encoder->Write(text));
  EXPECT_TRUE(encoder->Finish());
  return sink.text;
}

struct Decoded {
  std::string text;
  std::string error;  // empty if there was none
};

Decoded Decode(const std::string& encoded, std::size_t piece_bytes = 1 << 20) {
  Decoded decoded;
  auto source = Decompressed(std::make_unique<TextSource>(encoded, piece_bytes));
  if (!source) return {"", source.error().message};
  std::string buffer(1000, '\0');
  while (true) {
    const auto n = (*source)->Read(buffer);
    if (!n) decoded.error = n.error().message;
    if (!n || *n == 0) return decoded;
    decoded.text.append(buffer, 0, *n);
  }
}

std::string Sample() {
  Random random(7);
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "record " + std::to_string(random.Below(1000)) + "\n";
  return text;
}

class Compressing : public testing::TestWithParam<Compression> {};

TEST_P(Compressing, GivesBackWhatWasWrittenInWhateverPieces) {
  const std::string text = Sample();
  const std::string encoded = Encode(GetParam(), text);
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 1000u, 1u << 20}) {
    const Decoded decoded = Decode(encoded, piece);
    EXPECT_EQ(decoded.text, text);
    EXPECT_EQ(decoded.error, "");
  }
}

TEST_P(Compressing, ReadsSeveralStreamsOneBehindTheOtherAsOne) {
  const Decoded decoded =
      Decode(Encode(GetParam(), "one,") + Encode(GetParam(), "") + Encode(GetParam(), "two"));
  EXPECT_EQ(decoded.text, "one,two");
  EXPECT_EQ(decoded.error, "");
}

TEST_P(Compressing, TellsACutOffStreamWhereverItIsCut) {
  if (GetParam() == Compression::kNone) return;
  const std::string text = "some text that is long enough to be cut, and cut again";
  const std::string encoded = Encode(GetParam(), text);
  for (std::size_t size = 4; size < encoded.size(); ++size) {
    const Decoded decoded = Decode(encoded.substr(0, size));
    EXPECT_NE(decoded.error.find("cut off at byte"), std::string::npos) << size << decoded.error;
    EXPECT_TRUE(text.starts_with(decoded.text));
  }
}

TEST_P(Compressing, TellsADamagedStreamAndWhatCameBefore) {
  if (GetParam() == Compression::kNone) return;
  const std::string intact = Encode(GetParam(), "intact");
  std::string damaged = Encode(GetParam(), Sample());
  damaged[damaged.size() - 6] ^= 1;
  damaged[damaged.size() - 3] ^= 1;  // one of them is in the checksum
  const Decoded decoded = Decode(intact + damaged);
  EXPECT_NE(decoded.error.find("damaged"), std::string::npos) << decoded.error;
  EXPECT_TRUE(decoded.text.starts_with("intact"));
}

TEST_P(Compressing, TellsBytesThatDoNotBelongToTheStream) {
  if (GetParam() == Compression::kNone) return;
  const Decoded decoded = Decode(Encode(GetParam(), "text") + "other bytes");
  EXPECT_EQ(decoded.text, "text");
  EXPECT_NE(decoded.error, "");
}

INSTANTIATE_TEST_SUITE_P(All, Compressing,
                         testing::Values(Compression::kNone, Compression::kGzip,
                                         Compression::kZstd));

TEST(Decompressed, LeavesOtherBytesAsTheyAre) {
  for (const std::string text : {"", "a", "abc", "plain text\n", "\x1F", "\x28\xB5\x2F"}) {
    EXPECT_EQ(Decode(text).text, text);
    EXPECT_EQ(Decode(text, 1).error, "");
  }
}

TEST(Decompressed, ReadsNoMoreThanItTakesToTellTheFormat) {
  // A sender on a pipe may wait for an answer to its first line before it sends another byte.
  const auto bytes_read = [](const std::string& text) {
    std::uint64_t read = 0;
    auto source = Decompressed(std::make_unique<TextSource>(text + "more", 1, &read));
    EXPECT_TRUE(source);
    return read;
  };
  EXPECT_EQ(bytes_read("line\n"), 1u);
  EXPECT_EQ(bytes_read("Pa"), 2u);   // P may begin a zstd frame to skip
  EXPECT_EQ(bytes_read("BZ!"), 3u);  // BZ may begin bzip2
}

TEST(Decompressed, KnowsZstdByAFrameToSkip) {
  const std::string skippable("\x52\x2A\x4D\x18\x03\x00\x00\x00xyz", 11);
  EXPECT_EQ(Decode(skippable + Encode(Compression::kZstd, "text")).text, "text");
}

TEST(Decompressed, RefusesOtherCompressionUnlessTold) {
  const std::string lz4("\x04\x22\x4D\x18 and so on");
  EXPECT_EQ(Decode(lz4).error, "lz4 data is not decompressed here; pipe it in with lz4cat");
  EXPECT_NE(Decode(std::string("\xFD\x37\x7A\x58\x5A\0\0", 7)).error, "");
  EXPECT_EQ(Decode("BZh is no magic by itself").error, "");
  EXPECT_TRUE(Decompressed(std::make_unique<TextSource>(lz4, 100), OtherCompression::kTakeAsIs)
                  .has_value());
}

TEST(Decompressed, TakesZerosBehindGzipAsPadding) {
  const Decoded decoded = Decode(Encode(Compression::kGzip, "text") + std::string(512, '\0'));
  EXPECT_EQ(decoded.text, "text");
  EXPECT_EQ(decoded.error, "");
}

TEST(Compressed, CanBeReadUpToAFlush) {
  for (const auto compression : {Compression::kGzip, Compression::kZstd}) {
    TextSink sink;
    const auto encoder = Compressed(compression, sink);
    EXPECT_TRUE(encoder->Write("early"));
    EXPECT_TRUE(encoder->Flush());
    EXPECT_EQ(Decode(sink.text).text, "early");
  }
}

TEST(CompressionOfName, GoesByTheEnding) {
  EXPECT_EQ(CompressionOfName("a.ndjson.gz"), Compression::kGzip);
  EXPECT_EQ(CompressionOfName("a.zst"), Compression::kZstd);
  EXPECT_EQ(CompressionOfName("gz"), Compression::kNone);
}

}  // namespace
}  // namespace itemgate
